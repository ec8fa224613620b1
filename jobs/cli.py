"""cli -- the command line over the steps, for people, `spark-submit` and scripts."""

import csv
import json
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table
from rich.tree import Tree

from jobs import contract, expire, freshness, landing, plan, remote, steps, trace, transform, verify
from jobs.errors import ContractError, LoadError, SourceError, SupersededError, UnreachableError
from jobs.estimate import Budget, estimate
from jobs.listing import Window
from jobs.plan import Comparison
from jobs.warehouse import sql, warehouse

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Load PVDAQ's photovoltaic data into the star schema, exactly once.",
)
# Tables of a log file are not cut to the 80 columns of a terminal that is not there.
WIDTH = None if sys.stdout.isatty() else 160
out, err = Console(width=WIDTH), Console(stderr=True)

# A run that was overtaken plans again; more often than this means that something else is wrong.
REPLANS = 3

# Of each kind in a trace.
SHOWN_LINES = 5

# Of a refused line.
SHOWN_CHARACTERS = 80

EXPORTED = ("intervals", "with_value", "valid", "readings")
SCORED = ("readings", "labelled", "flagged", "precision", "recall")


def _days(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a day like 2019-01-31") from None


def _systems(text: str) -> tuple[int, ...]:
    try:
        systems = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a list of system ids like 34,1332") from None
    if not systems:
        raise typer.BadParameter("it names no system; leave it out for all of them")
    if any(ss_id < 1 for ss_id in systems):
        raise typer.BadParameter(f"{text!r}: a system id is 1 or more")
    return systems


TableName = Annotated[
    str,
    typer.Argument(help="A table that is loaded, such as dim_system, fact_pv_measurement, fact_pv_performance_daily."),
]
PlanUri = Annotated[str, typer.Argument(help="The plan, as `plan` printed it.", metavar="PLAN")]
First = Annotated[date | None, typer.Option("--from", parser=_days, metavar="DAY", help="First day, 2019-01-01.")]
Last = Annotated[date | None, typer.Option("--to", parser=_days, metavar="DAY", help="Last day, itself included.")]
Systems = Annotated[
    tuple | None, typer.Option("--systems", parser=_systems, metavar="IDS", help="System ids, 34,1332; else all.")
]
Restate = Annotated[
    bool, typer.Option("--restate", help="Load unchanged objects again that an older contract or transform has loaded.")
]
Retire = Annotated[
    bool, typer.Option("--retire-vanished", help="Take out the rows of objects that the source no longer has.")
]

AcceptLoss = Annotated[
    bool, typer.Option("--accept-loss", help="Do not hold corrected objects against the rows that they replace.")
]
Usd = Annotated[float | None, typer.Option("--budget-usd", min=0, help="Refuse what BigQuery would bill more for.")]
Gb = Annotated[float | None, typer.Option("--budget-gb", min=0, help="Refuse to read more than so many GB.")]
Hours = Annotated[float | None, typer.Option("--budget-hours", min=0, help="Refuse what would take longer.")]


def _budget(usd: float | None, gb: float | None, hours: float | None) -> Budget | None:
    return None if (usd, gb, hours) == (None, None, None) else Budget(usd, gb, hours)


Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="RULE[@EDITION]",
        help="Record what this rule of the contract finds in the edition, and go on.",
    ),
]


def _window(first: date | None, last: date | None, systems: tuple | None) -> Window:
    if (first is None) != (last is None):
        raise typer.BadParameter("--from and --to go together; give both, or neither for all days")
    return Window(first, last, systems or ())


def _run_id() -> str:
    return f"cli-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{uuid4().hex[:8]}"


@contextmanager
def _progress(what: str) -> Iterator[steps.Progress]:
    """Show progress as a bar on a terminal, and as a line every ten seconds elsewhere."""
    if not err.is_terminal:
        last = time.monotonic()

        def line(done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > 10:
                last = time.monotonic()
                logging.getLogger(__name__).info("%s: %d of %d", what, done, total)

        yield line
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=err, transient=True) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@app.command("plan")
def plan_command(
    table: TableName,
    first: First = None,
    last: Last = None,
    systems: Systems = None,
    restate: Restate = False,
    retire_vanished: Retire = False,
    accept_loss: AcceptLoss = False,
    accept: Accept = None,
    budget_usd: Usd = None,
    budget_gb: Gb = None,
    budget_hours: Hours = None,
):
    """Compare the source with what is loaded; write and print the plans, a line each."""
    with _progress("listing") as progress:
        found, _ = steps.plan_load(
            _run_id(),
            table,
            _window(first, last, systems),
            restate=restate,
            retire_vanished=retire_vanished,
            accept_loss=accept_loss,
            budget=_budget(budget_usd, budget_gb, budget_hours),
            accept=tuple(accept or ()),
            progress=progress,
        )
    err.print(f"{table}: {found}", highlight=False)
    _tell_vanished(found)
    print("\n".join(planned.uri for planned in found.plans) or "nothing to do")


@app.command("estimate")
def estimate_command(
    table: TableName,
    first: First = None,
    last: Last = None,
    systems: Systems = None,
    restate: Restate = False,
    retire_vanished: Retire = False,
    budget_usd: Usd = None,
    budget_gb: Gb = None,
    budget_hours: Hours = None,
):
    """Say what a run would take, and run nothing: bytes, loads, BigQuery's quotas and bill, time."""
    with _progress("listing") as progress:
        found = plan.plan(
            table, _window(first, last, systems), restate=restate, retire_vanished=retire_vanished, progress=progress
        )
    expected = estimate(found)
    shown = Table(show_header=False)
    shown.add_column(style="dim")
    shown.add_column()
    for what, how_much in expected.lines():
        shown.add_row(what, how_much)
    out.print(shown)
    if len(expected.loads) > 1:
        shown = Table("load", *(Column(name, justify="right") for name in ("MB", "rows", "days", "GiB billed")))
        for load in expected.loads:
            billed = f"{load.billed_bytes / 2**30:,.2f}" if expected.on_bigquery else ""
            shown.add_row(
                load.label, f"{load.read_bytes / 1e6:,.1f}", f"{load.rows:,.0f}", f"{load.partitions:,}", billed
            )
        out.print(shown)
    Budget(budget_usd, budget_gb, budget_hours).refuse_over(expected)


@app.command("stage")
def stage_command(
    plan_uri: PlanUri,
    report: Annotated[
        str | None,
        typer.Option(metavar="URI", help="Write there why it failed, for whoever started this and logs it."),
    ] = None,
):
    """Read the plan's objects with Spark and write staged parquet and its manifest."""
    if report:
        remote.stage_here(plan_uri, report)
        return
    with _progress("staging") as progress:
        manifest, seconds = steps.stage_load(_run_id(), plan_uri, progress)
    rows = sum(entry["rows_loaded"] for entry in manifest["objects"])
    out.print(f"staged {len(manifest['objects'])} objects, {rows:,} rows in {seconds:.1f} s")
    out.print(manifest["attempt"], soft_wrap=True)


@app.command("check")
def check_command(plan_uri: PlanUri):
    """Hold the staged load to its contract."""
    findings, _ = steps.check_load(_run_id(), plan_uri)
    shown = Table("check", "severity", "observed", "must be", "held")
    for finding in findings:
        if finding["check_name"] != "quarantine":
            held = "yes" if finding["passed"] else "NO"
            observed = f"{finding['observed']:g}"
            shown.add_row(finding["check_name"], finding["severity"], observed, finding["expected"], held)
    out.print(shown)
    _tell_refused(findings)


@app.command("publish")
def publish_command(plan_uri: PlanUri):
    """Publish the checked load in one transaction."""
    counts, seconds = steps.publish_load(_run_id(), plan_uri)
    if counts["objects"] or counts["rows_loaded"]:
        out.print(f"published {counts['objects']} objects, {counts['rows_loaded']:,} rows in {seconds:.1f} s")
    else:
        out.print("published already; nothing was changed")


@app.command("run")
def run_command(
    table: TableName,
    first: First = None,
    last: Last = None,
    systems: Systems = None,
    restate: Restate = False,
    retire_vanished: Retire = False,
    accept_loss: AcceptLoss = False,
    accept: Accept = None,
    budget_usd: Usd = None,
    budget_gb: Gb = None,
    budget_hours: Hours = None,
):
    """Plan, stage, check and publish, with a summary at the end.

    Loads are published one by one. One that is refused does not hold the others.
    """
    window, run_id = _window(first, last, systems), _run_id()
    done = Summary()
    for replan in range(REPLANS + 1):
        with _progress("listing") as progress:
            found, seconds = steps.plan_load(
                run_id,
                table,
                window,
                restate=restate,
                retire_vanished=retire_vanished,
                accept_loss=accept_loss,
                budget=_budget(budget_usd, budget_gb, budget_hours),
                accept=tuple(accept or ()),
                progress=progress,
            )
        done.seconds["plan"] += seconds
        refused = []
        try:
            for planned in found.plans:
                try:
                    done.add(*_carry_out(run_id, planned.uri))
                except UnreachableError:
                    raise
                except (ContractError, SourceError) as fault:
                    refused.append(fault)
        except SupersededError as fault:
            if replan == REPLANS:
                raise
            err.print(f"{fault}; planning again", highlight=False)
            continue
        if len(refused) < len(found.plans) or not refused:
            done.show(table, window, found)
        if refused:
            raise _of_all(refused, len(found.plans))
        return


def _of_all(refused: list[LoadError], count: int) -> LoadError:
    """Make one fault of those of some loads; that of a single load is its own."""
    if count == 1:
        return refused[0]
    faults = "\n".join(str(fault) for fault in refused)
    return LoadError(f"{len(refused)} of {count} loads were refused, and the others are published:\n{faults}")


def _carry_out(run_id: str, plan_uri: str) -> tuple[dict[str, int], list[dict], dict[str, float]]:
    """Stage, check and publish one plan; the counts of what came in, the findings, and the seconds of each step."""
    seconds = {}
    with _progress("staging") as progress:
        _, seconds["stage"] = steps.stage_load(run_id, plan_uri, progress)
    findings, seconds["check"] = steps.check_load(run_id, plan_uri)
    counts, seconds["publish"] = steps.publish_load(run_id, plan_uri)
    return counts, findings, seconds


class Summary:
    """What a run has done, over all of its loads."""

    def __init__(self):
        self.counts, self.seconds = Counter(), Counter()
        self.findings: list[dict] = []

    def add(self, counts: dict[str, int], findings: list[dict], seconds: dict[str, float]) -> None:
        """Count a load in."""
        self.counts.update(counts)
        self.seconds.update(seconds)
        self.findings += findings

    def show(self, table: str, window: Window, found: Comparison) -> None:
        """Print it, with what the last plan found."""
        out.print(f"[bold]{table}[/bold], {window}", highlight=False)
        shown = Table(show_header=False)
        shown.add_column(style="dim")
        shown.add_column()
        for planned in found.plans:
            shown.add_row("load id", planned.load_id)
        shown.add_row("objects", str(found))
        if found.plans:
            if self.counts["objects"] or found.retired:
                parts = [f"{self.counts[f'rows_{part}']:,} {part}" for part in ("loaded", "quarantined", "duplicate")]
                shown.add_row("rows", f"{self.counts['rows_read']:,} read = {' + '.join(parts)}")
            else:
                shown.add_row("rows", "published already by another run; nothing was changed")
        shown.add_row("seconds", ", ".join(f"{step} {value:.1f}" for step, value in self.seconds.items()))
        out.print(shown)
        _tell_vanished(found)
        _tell_refused(self.findings)
        if not found.plans:
            why = "all that the source lists is loaded" if found.unchanged else "the source lists nothing to load"
            out.print(f"[green]Nothing to do:[/green] {why}.")


@app.command("land")
def land_command(
    file: Annotated[Path, typer.Argument(help="The file, as its publisher gave it.", exists=True, dir_okay=False)],
    layout: Annotated[str, typer.Option(help="What it is: a source of a contract, such as egrid_subregions.")],
    edition: Annotated[str, typer.Option(help="The edition as its publisher calls it, such as 2023r2.")],
    published_on: Annotated[date, typer.Option(parser=_days, metavar="DAY", help="The day it was published on.")],
    origin: Annotated[str, typer.Option(help="The address that it was taken from.")],
):
    """Put a published file into the landing bucket, with its checksum and where it is from."""
    landed = landing.land(file, layout, edition, published_on, origin)
    said = "landed" if landed.is_new else "is there already, the same bytes:"
    out.print(f"{said} {landed.uri}", highlight=False, soft_wrap=True)
    out.print(f"sha256 {landed.sha256}, {landed.size_bytes:,} bytes", highlight=False)


@app.command("status")
def status_command():
    """Show what each table holds, by its checkpoint."""
    rows = warehouse().select("SELECT * FROM view_checkpoint_live ORDER BY table_name", {})
    _show(rows) if rows else out.print("Nothing has been loaded yet.")


@app.command("log")
def log_command(
    last_run: Annotated[bool, typer.Option("--last-run", help="Only the steps of the newest run.")] = False,
):
    """Show the last twenty steps that were run, how long each took and what it did."""
    rows = warehouse().select(sql("last_steps"), {"last_run": last_run})
    if not rows:
        out.print("Nothing has been run yet.")
    for row in rows:
        mark = "[green]done  [/green]" if row["outcome"] == "done" else "[red]FAILED[/red]"
        when = f"{row['started_at'].astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
        step = f"{row['table_name']} {row['step']}"
        out.print(f"{when} {mark} {step:28} {row['seconds']:6.1f} s ", end=" ", highlight=False, soft_wrap=True)
        out.print(row["message"], highlight=False, markup=False, soft_wrap=True)


@app.command("query")
def query_command(
    file: Annotated[Path, typer.Argument(help="A file with one GoogleSQL query.", exists=True, dir_okay=False)],
    as_csv: Annotated[bool, typer.Option("--csv", help="Write CSV.")] = False,
):
    """Answer a GoogleSQL query from the warehouse."""
    rows = warehouse().select(file.read_text(encoding="utf-8"), {})
    if as_csv:
        csv.writer(sys.stdout).writerows([rows[0].keys(), *(row.values() for row in rows)] if rows else [])
    else:
        _show(rows)


@app.command("contracts")
def contracts_command():
    """Read every contract, and say what each table is."""
    for table in contract.names():
        promised = contract.load(table)
        if promised.sources:
            transform.of(table)
        out.print(f"[bold]{table}[/bold] {promised.version}: {promised.description}", highlight=False, soft_wrap=True)


def _show(rows: list[dict]) -> None:
    shown = Table(*(rows[0] if rows else ()), box=box.SIMPLE_HEAD)
    for row in rows:
        shown.add_row(*(_cell(value) for value in row.values()))
    out.print(shown if rows else "no rows")


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC) if value.tzinfo else value:%Y-%m-%d %H:%M:%S}"
    return f"{value:,}" if isinstance(value, float) else str(value)


@app.command("export")
def export_command(
    to_folder: Annotated[str, typer.Option("--to-folder", help="Where to: a folder, or a URI like s3://bucket/it.")],
    first: First = None,
    last: Last = None,
    systems: Systems = None,
    step: Annotated[
        str, typer.Option("--step", help="Step of the grid: 30s, 15min, 1h, 1d; it divides a day.")
    ] = "15min",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Take the place of another export there.")] = False,
):
    """Write readings on a regular grid of time as parquet, with their flags as a mask, for machine learning."""
    # PySpark takes half a second to import, and of what runs in this process only this command needs it.
    from jobs import export

    if first is None or last is None:
        raise typer.BadParameter("an export is of a window; give --from and --to")
    told, is_new = export.export(to_folder, _window(first, last, systems), step, overwrite=overwrite)
    if not is_new:
        out.print("exported already; nothing was changed")
    shown = Table("system", "channel", "quantity", "units", *(Column(name, justify="right") for name in EXPORTED))
    for channel in told["channels"]:
        counts = (f"{channel[name]:,}" for name in EXPORTED)
        shown.add_row(str(channel["ss_id"]), channel["sensor"], channel["quantity"], channel["units"], *counts)
    out.print(shown)
    out.print(f"{to_folder.rstrip('/')}/{told['folder']}", soft_wrap=True, highlight=False)


@app.command("scores")
def scores_command():
    """Hold the quality flags against the labelled samples of pvanalytics."""
    # pvanalytics and pvlib take a second to import, and only this command needs them.
    from jobs import scores

    shown = Table("sample", "flag", *(Column(name, justify="right") for name in SCORED), box=box.SIMPLE_HEAD)
    for found in map(scores.score, scores.SAMPLES):
        shown.add_row(
            found.sample,
            found.flag,
            *(f"{count:,}" for count in (found.readings, found.labelled, found.flagged)),
            *(f"{share:.3f}" for share in (found.precision, found.recall)),
        )
    out.print(shown)


@app.command("scales")
def scales_command(systems: Systems):
    """Look for power that is stored in another unit than its dictionary says; print lines for jobs/scales.csv."""
    from jobs.probe import probe

    shown, lines = Table("system", "channel", "months", "from", "to", "factor", "why", box=box.SIMPLE_HEAD), []
    for ss_id in systems:
        with _progress(f"reading samples of system {ss_id}") as progress:
            found = probe(ss_id, progress)
        for judged in found:
            for line in judged.lines():
                days = [str(line[name] or "") for name in ("first_day", "last_day")]
                factor = "" if line["factor"] is None else f"{line['factor']:g}"
                shown.add_row(str(ss_id), judged.sensor, str(len(judged.peaks)), *days, factor, line["reason"])
                if line["factor"] != 1:
                    lines.append([line["ss_id"], line["channel"], *days, factor, line["reason"], line["source"]])
    err.print(shown)
    csv.writer(sys.stdout, lineterminator="\n").writerows(lines)


def _where(texts: list[str] | None) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts or ()]
    if wrong := [text for text, (name, is_there, _) in zip(texts or (), pairs, strict=True) if not (name and is_there)]:
        raise typer.BadParameter(f"{wrong[0]!r} is not COLUMN=VALUE like method=avert_annual_dpv")
    return {name: value for name, _, value in pairs}


@app.command("trace")
def trace_command(
    table: Annotated[str, typer.Argument(help="A table or view, such as fact_avoided_emissions_hourly.")],
    first: First = None,
    last: Last = None,
    systems: Systems = None,
    where: Annotated[
        list[str] | None,
        typer.Option("--where", metavar="COLUMN=VALUE", help="Only rows with this value: method=avert_annual_dpv."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write all of it as JSON.")] = False,
):
    """Tell what rows were made of: units, factors, and in the end versions of objects in S3."""
    found = trace.trace(table, _window(first, last, systems), _where(where))
    if as_json:
        print(json.dumps(asdict(found), default=str, indent=1))
        return
    for figures in found.figures:
        out.print(", ".join(f"{name} {_cell(value) or 'null'}" for name, value in figures.items()), highlight=False)
    out.print(_tree(found, Tree("")), highlight=False)


def _tree(found: trace.Traced, tree: Tree) -> Tree:
    """Show what was traced, of each kind the first few; --json has all."""
    is_loaded = not contract.load(found.table).derived_from
    tree.label = f"[bold]{found.table}[/bold]" + (f", {found.rows:,} rows" if found.origins else "")
    for line, more in (
        *_few([escape(", ".join(f"{name} {_cell(value)}" for name, value in row.items())) for row in found.named]),
        *_few([_origin(origin, "bytes" if is_loaded else "rows of input") for origin in found.origins]),
        *_few([f"[yellow]made of what is superseded by now; build it anew:[/yellow] {key}" for key in found.moved]),
    ):
        tree.add(line if not more else f"and {more} more")
    for part in found.made_of:
        _tree(part, tree.add(""))
    return tree


def _few(lines: list[str]) -> list[tuple[str, int]]:
    hidden = len(lines) - SHOWN_LINES
    return [(line, 0) for line in lines[:SHOWN_LINES]] + ([("", hidden)] if hidden > 0 else [])


def _origin(origin: trace.Origin, sized_in: str) -> str:
    beside = "".join(f", read with {one}" for one in origin.read_with)
    return escape(
        f"{origin.bucket}/{origin.object_key}\n{origin.rows:,} rows of etag {origin.etag}, {origin.size_bytes:,} "
        f"{sized_in}, load {origin.load_id} of {_cell(origin.published_at)}Z{beside}"
    )


@app.command("verify")
def verify_command():
    """Hold every table against its checkpoint: each object's rows counted, each key once."""
    faults = []
    for verdict in verify.verify():
        out.print(str(verdict), highlight=False)
        faults += verdict.faults
    verify.refuse(faults)


@app.command("freshness")
def freshness_command():
    """Tell how far each table is behind what it is made of, and fail if that is more than its contract promises."""
    found = freshness.freshness()
    for one in found:
        out.print(f"{'LATE ' if one.late else 'ok   '} {one}", highlight=False, soft_wrap=True)
    freshness.refuse(found)


@app.command("expire")
def expire_command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what would be taken away.")] = False,
):
    """Take staged loads away that nothing needs any more."""
    found = expire.expire(_run_id(), dry_run=dry_run)
    for one in found:
        out.print(f"{one.table} load {one.load_id}: {one.bytes:,} bytes", highlight=False)
    print(f"{len(found)} staged loads {'would be' if dry_run else 'were'} taken away")


def _tell_vanished(found: Comparison) -> None:
    for key in found.vanished[:10]:
        err.print(f"[yellow]vanished:[/yellow] {key}", highlight=False, soft_wrap=True)
    if len(found.vanished) > 10:
        err.print(f"[yellow]vanished:[/yellow] and {len(found.vanished) - 10} more", highlight=False)
    if found.vanished and not found.retired:
        err.print("Their rows stay; --retire-vanished takes them out.", highlight=False)


def _tell_refused(findings: list[dict]) -> None:
    refused = [finding for finding in findings if finding["check_name"] == "quarantine"]
    for row in refused[:10]:
        column = f", {row['column_name']}" if row["column_name"] else ""
        where = f"{row['object_key']} line {row['line']}{column}"
        err.print(f"[yellow]quarantined:[/yellow] {where}: {row['message']}:", end=" ", highlight=False, soft_wrap=True)
        # Lines of dictionaries are long; etl_quality has them whole.
        raw_text = row["raw_text"] or ""
        shown = raw_text if len(raw_text) <= SHOWN_CHARACTERS else f"{raw_text[:SHOWN_CHARACTERS]} ..."
        err.print(repr(shown), highlight=False, markup=False, soft_wrap=True)
    if len(refused) > 10:
        err.print(f"[yellow]quarantined:[/yellow] and {len(refused) - 10} more, all in etl_quality", highlight=False)


def main() -> None:
    """Run the command line; a load that cannot go on ends with one sentence and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("jobs").setLevel(logging.INFO)
    # The commands say themselves what a step did.
    logging.getLogger("jobs.ledger").setLevel(logging.WARNING)
    # An interrupted JVM complains of it at length.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    try:
        app(prog_name="python -m jobs")
    except LoadError as fault:
        print(f"error: {fault}", *getattr(fault, "__notes__", ()), sep="\n", file=sys.stderr)
        sys.exit(1)

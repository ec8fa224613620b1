"""cli -- the command line over the steps, for people, `spark-submit` and scripts."""

import csv
import logging
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated
from uuid import uuid4

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from jobs import contract, ledger, steps, transform
from jobs.errors import LoadError, SupersededError
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

Accept = Annotated[
    bool, typer.Option("--accept-loss", help="Do not hold corrected objects against the rows that they replace.")
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
    accept_loss: Accept = False,
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
            progress=progress,
        )
    err.print(f"{table}: {found}", highlight=False)
    _tell_vanished(found)
    print("\n".join(planned.uri for planned in found.plans) or "nothing to do")


@app.command("stage")
def stage_command(plan_uri: PlanUri):
    """Read the plan's objects with Spark and write staged parquet and its manifest."""
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
    accept_loss: Accept = False,
):
    """Plan, stage, check and publish, with a summary at the end."""
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
                progress=progress,
            )
        done.seconds["plan"] += seconds
        try:
            for planned in found.plans:
                done.add(*_carry_out(run_id, planned.uri))
        except SupersededError as fault:
            if replan == REPLANS:
                raise
            err.print(f"{fault}; planning again", highlight=False)
            continue
        done.show(table, window, found)
        return


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


@app.command("verify")
def verify_command():
    """Hold every table against its checkpoint: each object's rows counted, each key once."""
    faults = []
    for table in contract.names():
        promised = contract.load(table)
        if not promised.sources:
            continue
        within = promised.within(*ledger.EVER)
        unlike = warehouse().select(sql("verify", table=table, within=within), {"table_name": table})
        faults += [
            f"{table}: object {row['object_id']} ({row['object_key'] or 'not in the checkpoint'}) should have "
            f"{row['promised']} rows and has {row['held']}"
            for row in unlike
        ]
        (doubled,) = warehouse().select(sql("doubled_keys", table=table, key=promised.key, within=within), {})
        if doubled["doubled"]:
            faults.append(f"{table}: {doubled['doubled']} keys stand more than once")
        (held,) = warehouse().select(sql("held", table=table, within=within), {})
        verdict = "ok" if not unlike and not doubled["doubled"] else "NOT as its checkpoint says"
        out.print(f"{table}: {verdict}, {held['row_count']:,} rows of {held['objects']:,} objects", highlight=False)
    if faults:
        raise LoadError("the tables are not what the checkpoint says:\n" + "\n".join(f"  {fault}" for fault in faults))


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
        err.print(repr(row["raw_text"]), highlight=False, markup=False, soft_wrap=True)
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

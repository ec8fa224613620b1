"""steps -- plan, stage, check and publish as DAGs and the command line run them.

From one step to the next goes the URI of the plan and nothing else. Each step may be run again at any time.
"""

import logging
from collections.abc import Callable

from jobs import check as checks
from jobs import ledger, plan, publish, restatement, stage, staging
from jobs.estimate import Budget, estimate
from jobs.listing import Window
from jobs.plan import Comparison
from jobs.warehouse import sql, warehouse

log = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


def _quiet(done: int, total: int) -> None:
    """Show no progress."""


def plan_load(
    run_id: str,
    table: str,
    window: Window,
    *,
    restate: bool = False,
    retire_vanished: bool = False,
    accept_loss: bool = False,
    budget: Budget | None = None,
    accept: tuple[str, ...] = (),
    most: int | None = None,
    progress: Progress = _quiet,
) -> tuple[Comparison, float]:
    """Compare the source with the checkpoint and write the plans; what was found, and the seconds it took.

    A run that goes on with no more than the `most` first loads says so in the log of steps.

    Raises:
        BudgetError: the loads would take more than the budget.
    """
    with ledger.step(run_id, table, "plan") as step:
        found = plan.plan(
            table,
            window,
            restate=restate,
            retire_vanished=retire_vanished,
            accept_loss=accept_loss,
            accept=accept,
            progress=progress,
        )
        step.load_id = found.plans[0].load_id if found.plans else None
        step.message = f"{'' if found.plans else 'nothing to do: '}{found}"
        if most is not None and len(found.plans) > most:
            step.message += f"; {most:,} of {len(found.plans):,} loads in this run, run again for the others"
        for line in restatement.restated(found):
            log.info("%s would be restated: %s", table, line)
        if budget is not None and found.plans:
            expected = estimate(found)
            for what, how_much in expected.lines():
                log.info("%s %s: %s", table, what, how_much)
            budget.refuse_over(expected)
    return found, step.seconds


def stage_load(run_id: str, plan_uri: str, progress: Progress = _quiet) -> tuple[dict, float]:
    """Read the plan's objects with Spark and write staged parquet; the manifest, and the seconds it took."""
    planned = plan.read(plan_uri)
    with ledger.step(run_id, planned.table, "stage") as step:
        step.load_id = planned.load_id
        manifest = stage.stage(planned, progress)
        step.message = f"{len(manifest['objects'])} objects, {len(manifest['files'])} files"
    return manifest, step.seconds


def check_load(run_id: str, plan_uri: str) -> tuple[list[dict], float]:
    """Hold the staged load to its contract; the findings, and the seconds it took."""
    planned = plan.read(plan_uri)
    with ledger.step(run_id, planned.table, "check") as step:
        step.load_id = planned.load_id
        findings = checks.check(planned)
        refused = sum(finding["check_name"] == "quarantine" for finding in findings)
        warned = sum(finding["severity"] == "warning" and not finding["passed"] for finding in findings)
        step.message = f"{len(findings) - refused} checks, {warned} warnings, {refused} rows in quarantine"
    return findings, step.seconds


def publish_load(run_id: str, plan_uri: str) -> tuple[dict[str, int], float]:
    """Publish the checked load in one transaction; the counts of what came in, and the seconds it took."""
    planned = plan.read(plan_uri)
    with ledger.step(run_id, planned.table, "publish") as step:
        step.load_id = planned.load_id
        counts = publish.publish(planned)
        step.message = ", ".join(f"{value} {name.replace('rows_', '')}" for name, value in counts.items())
    return counts, step.seconds


def loaded(table: str, plan_uris: list[str]) -> list[dict]:
    """Tell what of some plans' loads is live, whoever has published it: a row a load, with its counts."""
    load_ids = sorted({staging.load_of(uri) for uri in plan_uris})
    return warehouse().select(sql("loaded"), {"table_name": table, "load_ids": load_ids})

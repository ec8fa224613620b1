"""publish -- one transaction that takes the table's head, changes its rows and writes its checkpoint.

A load's objects are judged one by one against the checkpoint as it is now, not as it was when the load was planned:
what is live already is left out, what has moved on since the plan refuses the load, and the head, taken by
compare-and-swap, makes sure that nothing moved between judging and commit. So a rerun is a no-op, two overlapping
loads share their objects, and a late zombie changes nothing.
"""

import logging
import random
import time
from datetime import date

import pyarrow as pa

from jobs import contract, ledger, listing, staging
from jobs.check import staged_rows
from jobs.contract import Contract
from jobs.errors import ConflictError, ContractError, StagingError, SupersededError
from jobs.ledger import LoadedObject
from jobs.plan import Plan, PlannedObject
from jobs.warehouse import sql, warehouse

log = logging.getLogger(__name__)

# Publishers of one table queue up here; with jitter that starts around 0.3 s, eight of them are through within seconds
# where a transaction is quick, and within minutes where it takes ten seconds.
ATTEMPTS = 30
LONGEST_PAUSE_SECONDS = 10.0

COUNTS = ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")
LOAD_OBJECTS = pa.schema(
    [
        ("object_id", pa.string()),
        ("bucket", pa.string()),
        ("object_key", pa.string()),
        ("etag", pa.string()),
        ("size_bytes", pa.int64()),
        ("first_day", pa.date32()),
        ("last_day", pa.date32()),
        *((name, pa.int64()) for name in COUNTS),
    ]
)


def publish(planned: Plan) -> dict[str, int]:
    """Publish a staged and checked load; give back the counts of what this call brought in.

    Raises:
        StagingError: the load is not staged.
        SupersededError: an object of the load has moved on since it was planned. Plan again.
        ConflictError: other publishers kept the head busy. Trying again is safe.
    """
    promised = contract.load(planned.table)
    _refuse_unless_checked(planned)
    joined = 0
    for attempt in range(1, ATTEMPTS + 1):
        gone = [planned.retired_days] if planned.retired else []
        window = ledger.EVER if None in gone else _days(planned.objects, planned.retired_days)
        now = ledger.state(planned.table, *window, since=planned.head)
        due = [entry for entry in planned.objects if not _is_live(planned, entry, now.live.get(entry.key))]
        if promised.replaces == "table" and (due or len(now.live) > len(planned.objects)):
            # It is made of all of them at once, so that none can be left out or stay.
            due = list(planned.objects)
        leaving = _leaving(promised, planned, due, now.live)
        if not due and not leaving:
            log.info("%s load %s is published already", planned.table, planned.load_id)
            return dict.fromkeys(("objects", *COUNTS), 0)
        _refuse_if_superseded(planned, due, leaving, now.moved)
        # After the head: who takes old loads away sets their manifests aside first, and counts the head up then.
        manifest = staging.read_manifest(planned.table, planned.load_id)
        if manifest is None:
            raise StagingError(f"{planned.table} load {planned.load_id} is not staged, or its files are gone; stage it")
        leave = _leave(promised, leaving, now.live, window)
        try:
            once = f"publish-{planned.load_id}-{now.head}-{joined}"
            brought = _transact(promised, planned, manifest, now.head, due, leaving, leave, once)
        except ConflictError as fault:
            if attempt == ATTEMPTS:
                raise
            log.info("%s: %s; trying again", planned.table, fault)
            time.sleep(random.uniform(0.1, min(LONGEST_PAUSE_SECONDS, 0.5 * 1.2**attempt)))
            continue
        if brought is not None:
            return brought
        # Another process that publishes the very same load was joined, and it is live by now; or one of an earlier
        # warehouse of that name, and the next one is asked.
        joined += 1
    raise ConflictError(f"{planned.table}: other publishers kept the head busy; nothing was published. Try again")


def _refuse_unless_checked(planned: Plan) -> None:
    asked = {"table_name": planned.table, "load_id": planned.load_id, "plan_id": planned.plan_id}
    (verdict,) = warehouse().select(sql("verdict"), asked)
    if not verdict["checks"]:
        raise ContractError(f"{planned.table} load {planned.load_id} was not checked; nothing was published. Check it")
    if verdict["errors"]:
        raise ContractError(
            f"{planned.table} load {planned.load_id} does not hold to its contract ({verdict['errors']} checks, see "
            f"etl_quality); nothing was published"
        )


def _is_live(planned: Plan, entry: PlannedObject, live: LoadedObject | None) -> bool:
    made_by = planned.contract_version, planned.transform_version
    return (
        live is not None
        and live.object_id == entry.object_id
        and (live.contract_version, live.transform_version) == made_by
    )


def _leaving(
    promised: Contract, planned: Plan, due: list[PlannedObject], live: dict[str, LoadedObject]
) -> list[LoadedObject]:
    """Tell which live versions the load takes the place of, and which it retires."""
    if promised.replaces == "table":
        return list(live.values()) if due else []
    keys = {entry.key for entry in due}
    return [now for key, now in live.items() if key in keys or now.object_id in planned.retired]


def _refuse_if_superseded(
    planned: Plan, due: list[PlannedObject], leaving: list[LoadedObject], moved: list[LoadedObject]
) -> None:
    """Refuse a load if what it brings or takes away came in or went out since it was planned."""
    touched = {entry.key for entry in due} | {entry.object_key for entry in leaving}
    keys = sorted(touched & {entry.object_key for entry in moved})
    if keys:
        raise SupersededError(
            f"{planned.table} load {planned.load_id} was planned on generation {planned.head}; since then "
            f"{len(keys)} of its objects have moved on, such as {keys[0]}; nothing was published. Plan again"
        )


def _leave(
    promised: Contract, leaving: list[LoadedObject], live: dict[str, LoadedObject], window: tuple[date, date]
) -> str:
    """Write the statements that take out the rows of the leaving versions and retire them; none if none leave.

    Partitions of which nothing stays go whole, which BigQuery does at no cost; elsewhere rows are looked up by object.
    """
    if not leaving:
        return ""
    if promised.replaces == "table":
        return sql("delete_whole", table=promised.table, whole="TRUE") + "\n" + sql("retire")
    leaves = {version.object_id for version in leaving}
    stays = [version for version in live.values() if version.object_id not in leaves]
    covered = {day for version in leaving for day in listing.days_within(version, window)}
    whole = covered - {day for version in stays for day in listing.days_within(version, window)}
    if promised.partition is None or any(version.first_day is None for version in live.values()):
        whole = set()
    statements = []
    if whole:
        statements.append(sql("delete_whole", table=promised.table, whole=promised.on_days(whole)))
    partly = [
        version
        for version in leaving
        if version.first_day is None or not whole.issuperset(listing.days_within(version))
    ]
    if partly:
        parts = [promised.parts(version.object_key) for version in partly]
        within = promised.within(*_days(partly), [] if None in parts else parts)
        statements.append(sql("delete_objects", table=promised.table, within=within))
    return "\n".join([*statements, sql("retire")])


def _days(entries, also: tuple[date, date] | None = None) -> tuple[date, date]:
    """Tell the days that objects cover by their keys; ever, where one of them names none."""
    days = [day for entry in entries for day in (entry.first_day, entry.last_day)] + list(also or ())
    return (min(days), max(days)) if days and None not in days else ledger.EVER


def _transact(
    promised: Contract,
    planned: Plan,
    manifest: dict,
    head: int,
    due: list[PlannedObject],
    leaving: list[LoadedObject],
    leave: str,
    once: str,
) -> dict[str, int] | None:
    """Publish what is due; the counts of what came in, or none if another process was just doing the same."""
    counted = {entry["object_id"]: {name: entry[name] for name in COUNTS} for entry in manifest["objects"]}
    rows = [
        {
            "object_id": entry.object_id,
            "bucket": entry.bucket,
            "object_key": entry.key,
            "etag": entry.etag,
            "size_bytes": entry.size_bytes,
            "first_day": entry.first_day,
            "last_day": entry.last_day,
            **counted[entry.object_id],
        }
        for entry in due
    ]
    first_day, last_day = _days([*due, *leaving])
    keys = [*(entry.key for entry in due), *(entry.object_key for entry in leaving)]
    parts = [promised.parts(key) for key in keys]
    script = sql(
        "publish",
        table=promised.table,
        leave=leave,
        key=promised.key,
        same_key=" AND ".join(f"live.`{name}` = incoming.`{name}`" for name in promised.key),
        columns=promised.column_names,
        # A key of an older pattern says nothing of its parts, so that nothing may be bounded by them.
        within=promised.within(first_day, last_day, [] if None in parts else parts),
    )
    ours = warehouse().transact(
        script,
        {
            "table_name": planned.table,
            "load_id": planned.load_id,
            "head": head,
            "contract_version": planned.contract_version,
            "transform_version": planned.transform_version,
            "retired": [now.object_id for now in leaving],
        },
        {
            "staged": staged_rows(planned.table, manifest),
            "load_objects": pa.Table.from_pylist(rows, LOAD_OBJECTS),
        },
        once=once,
    )
    if not ours:
        return None
    return {"objects": len(rows), **{name: sum(row[name] for row in rows) for name in COUNTS}}

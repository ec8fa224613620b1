"""export -- readings for whoever learns from them: a window of some systems on a regular grid, as parquet.

    <folder>/_export.json                                          what it is made of and what it says, written last
    <folder>/rows-<export id>/ss_id=34/month=2019-01/part.parquet

Readings come from the staged files of live loads, like those of derived tables; `time_grid` puts them on the grid. An
export's id is a hash of all that it is made of; its files are named by it and have the same bytes whenever it is made.
So what a killed run leaves behind is what the next one writes, and until then no `_export.json` names it. Whatever run
ends well takes all rows away but the named ones, for whoever reads the folder instead of them.
"""

import re
from collections import defaultdict
from dataclasses import asdict, replace
from datetime import date, timedelta
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from jobs import contract, derived, described, export_files, staging, time_grid
from jobs.errors import ExportError
from jobs.flags import FLAGS
from jobs.ledger import LoadedObject
from jobs.listing import Window
from jobs.objects import digest
from jobs.spark import session

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

FACT = "fact_pv_measurement"
READ = ("ss_id", "timestamp", "sensor", "units", "value", "quantity", "timestamp_utc", "quality")
SENSORS = ("ss_id", "sensor", "source_type", "aggregation")

ATTRIBUTION = "National Renewable Energy Laboratory (NREL), PVDAQ, https://doi.org/10.25984/1846021"
LICENCE = "https://creativecommons.org/licenses/by/4.0/"

STEP = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>s|min|h|d)")
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
ROWS = re.compile("rows-[0-9a-f]{32}")


def export(folder: str, window: Window, step: str, *, overwrite: bool = False) -> tuple[dict, bool]:
    """Make an export, unless it is there already; what its `_export.json` says, and whether it was made now.

    Args:
        folder: where to, as a path of this machine or a URI.
        window: days [wall clock] and systems; without systems all that have readings in the window.
        step: step of the grid, such as 15min; it divides the day.
        overwrite: take the place of another export in the folder.

    Raises:
        ExportError: the step cannot be, a system has no readings in the window, or another export is in the folder.
    """
    step_s = step_seconds(step)
    folder = _uri(folder)
    wanted, systems = _wanted(window)
    inputs = sorted({entry for entry, _ in wanted}, key=lambda entry: entry.object_id)
    by_system = described.dimension("dim_sensor", SENSORS, systems)
    # The warehouse gives rows in any order.
    sensors = [row for ss_id in systems for row in sorted(by_system.get(ss_id, ()), key=itemgetter("sensor"))]
    made_of = derived.fingerprint(inputs, {"dim_sensor": sensors})
    export_id = digest(time_grid.VERSION, window.first_day, window.last_day, *systems, step_s, made_of)
    there = staging.read_json(f"{folder}/_export.json")
    if there and there.get("export_id") == export_id and _is_whole(folder, there):
        _discard_unnamed(folder)
        return there, False
    _refuse_another(folder, there, export_id, overwrite)
    rows_folder = f"rows-{export_id}"
    with session(f"export {export_id}") as spark:
        rows = _on_grid(spark, window, step_s, wanted, sensors)
        parts = len(systems) * len(_months(window))
        files, channels = export_files.write(rows, f"{folder}/{rows_folder}", parts)
    try:
        _refuse_without_readings(window, {channel["ss_id"] for channel in channels})
    except ExportError:
        _discard_unnamed(folder)
        raise
    told = {
        "export_id": export_id,
        "folder": rows_folder,
        "first_day": str(window.first_day),
        "last_day": str(window.last_day),
        "systems": systems,
        "step_seconds": step_s,
        **_meaning(),
        "channels": channels,
        "files": files,
        "made_of": {FACT: [_input(entry) for entry in inputs], "dim_sensor": sensors},
        "attribution": ATTRIBUTION,
        "licence": LICENCE,
    }
    if not _is_whole(folder, told):
        raise ExportError(
            f"another process has exported to {folder} in the meantime and taken away what this one wrote; nothing was "
            "exported. Name another folder, or export again"
        )
    is_first = True
    if there is not None:
        staging.write_json(f"{folder}/_export.json", told)
    else:
        is_first = staging.create_json(f"{folder}/_export.json", told)
    _discard_unnamed(folder)
    if not is_first:
        # Another process was; if its is the very same export, its files have the same bytes.
        _refuse_another(folder, staging.read_json(f"{folder}/_export.json"), export_id, overwrite=False)
    return told, True


def _discard_unnamed(folder: str) -> None:
    """Remove what killed and overtaken runs have left beside the rows that `_export.json` names."""
    named = (staging.read_json(f"{folder}/_export.json") or {}).get("folder")
    for name in staging.folders(folder):
        if ROWS.fullmatch(name) and name != named:
            staging.discard(f"{folder}/{name}")


def _uri(folder: str) -> str:
    if "://" not in folder:
        return f"file://{Path(folder).absolute()}"
    if not folder.startswith(("file:///", "s3://", "gs://")):
        raise ExportError(
            f"an export goes to a folder, file:///absolute/path, s3://bucket/prefix or gs://bucket/prefix, and not to "
            f"{folder}; nothing was exported"
        )
    return folder.rstrip("/")


def step_seconds(step: str) -> int:
    """Read a step; it divides the day.

    >>> step_seconds("15min")
    900
    """
    found = STEP.fullmatch(step)
    seconds = int(found["count"]) * SECONDS[found["unit"]] if found else 0
    if not seconds or SECONDS["d"] % seconds:
        raise ExportError(
            f"a step is a number with s, min, h or d that divides the day, such as 30s, 15min or 1h, and not {step!r}; "
            "nothing was exported"
        )
    return seconds


def _wanted(window: Window) -> tuple[set[tuple[LoadedObject, str]], list[int]]:
    """Find the systems with readings in the window, and their live objects of it and of the day before it.

    That day's last reading may be meant for the window's first midnight. Each object comes with its months.
    """
    reached = replace(window, first_day=window.first_day - time_grid.DAY)
    found = [(entry, ss_id, list(days)) for entry, ss_id, days in derived.live(contract.load(FACT), reached)]
    systems = sorted({ss_id for _, ss_id, days in found if any(day >= window.first_day for day in days)})
    _refuse_without_readings(window, set(systems))
    months = {(entry, f"month={day:%Y-%m}") for entry, ss_id, days in found if ss_id in systems for day in days}
    return months, systems


def _refuse_without_readings(window: Window, having: set[int]) -> None:
    """Refuse an export of which a system has nothing; all such systems are named."""
    lacking = sorted(set(window.systems) - having)
    if having and not lacking:
        return
    loaded: dict[int, list[date]] = defaultdict(list)
    for entry, ss_id, _ in derived.live(contract.load(FACT), Window()):
        loaded[ss_id] += [day for day in (entry.first_day, entry.last_day) if day]
    if not loaded:
        raise ExportError(f"{FACT} holds nothing yet; nothing was exported. Load it: python -m jobs run {FACT}")
    said = [f"system {ss_id} {_held(loaded.get(ss_id))}" for ss_id in lacking or sorted(loaded)[:10]]
    raise ExportError(f"there are no readings to export for {window}; nothing was exported: {'; '.join(said)}")


def _held(days: list[date] | None) -> str:
    if days is None:
        return "is not loaded"
    return f"has files of {min(days)} to {max(days)}" if days else "has files of other months"


def _refuse_another(folder: str, there: dict | None, export_id: str, overwrite: bool) -> None:
    if there is not None and there.get("export_id") != export_id and not overwrite:
        raise ExportError(
            f"{folder} has another export ({there.get('first_day')} to {there.get('last_day')}, systems "
            f"{there.get('systems')}, step {there.get('step_seconds')} s), or what it was made of has changed since; "
            "nothing was exported. Name another folder, or take its place with --overwrite"
        )


def _is_whole(folder: str, there: dict) -> bool:
    """Tell whether all files of an export are there in full."""
    files, path = staging.filesystem(f"{folder}/{there['folder']}")
    expected = {f"{path}/{entry['path']}": entry["bytes"] for entry in there["files"]}
    with staging.told(folder, "read"):
        return {info.path: info.size for info in files.get_file_info(list(expected))} == expected


def _months(window: Window) -> set[str]:
    days = (window.last_day - window.first_day).days + 1
    return {f"{window.first_day + timedelta(days=number):%Y-%m}" for number in range(days)}


def _on_grid(
    spark: "SparkSession", window: Window, step_s: int, wanted: set[tuple[LoadedObject, str]], sensors: list[dict]
) -> "DataFrame":
    from pyspark.sql.pandas.types import from_arrow_schema

    promised = contract.load("dim_sensor").arrow_schema
    schema = pa.schema([promised.field(name) for name in SENSORS])
    described = spark.createDataFrame(pa.Table.from_pylist(sensors, schema), from_arrow_schema(schema))
    measurements = derived.readings(spark, contract.load(FACT), READ, wanted)
    return time_grid.transform(measurements, described, window.first_day, window.last_day, step_s)


def _meaning() -> dict:
    """Say what the rows mean, for a reader who has nothing but the export."""
    columns = {name: {"unit": column.unit, "meaning": column.meaning} for name, column in export_files.COLUMNS.items()}
    return {
        "grid": "a row per channel and time, from midnight on by the wall clock; a time stands for the interval that "
        "begins at it (label left, closed left); a reading up to a second before a time is meant for it, the next "
        "day's midnight included, if that is less than a tenth of the step and of the channel's own step of the day; "
        "where the step is shorter than a channel's own, the times between its readings have no value",
        "columns": {**columns, "ss_id": {"unit": None, "meaning": "solar system id; in the path"}},
        "mask": {
            **{str(bit): f"{flag.name}: a reading is {flag.meaning}" for bit, flag in FLAGS.items()},
            str(time_grid.NO_VALUE): "no_value: no reading in the interval is a value",
        },
        "methods": time_grid.METHODS,
    }


def _input(entry: LoadedObject) -> dict:
    known = asdict(entry)
    return {name: known[name] for name in ("object_id", "object_key", "etag", "load_id", "transform_version")}

"""estimate -- what the loads of a plan will take, before anything is read: bytes, jobs, quotas, US dollars, hours.

The figures are bounds to decide by, not a bill. Where a table has been loaded before, its own past says how many rows a
byte gives and how long it takes; else what `make bench` has measured does.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from jobs import contract, listing
from jobs.contract import Contract
from jobs.errors import BudgetError
from jobs.plan import Comparison, Plan
from jobs.settings import settings
from jobs.warehouse import sql, warehouse

# On demand, which https://cloud.google.com/bigquery/pricing names for the US and for the EU; load jobs are free. Other
# locations cost up to a third more, and the first TiB of a month is free.
USD_PER_TIB = 6.25
# What a statement is billed at least, for each table that it reads [bytes].
LEAST_BILLED = 10 * 1024**2
# https://cloud.google.com/bigquery/quotas: load jobs of a project and a day, partitions that a job may change, and the
# INSERTs into one table and day that begin at once (those after them take turns of ten).
LOAD_JOBS, PARTITIONS, INSERTS = 100_000, 4_000, 1_500
# What a load has of each: its rows, its objects and its findings come by load jobs; three steps are logged in etl_run.
LOAD_JOBS_OF_A_LOAD, INSERTS_OF_A_LOAD = 3, 3
# Statements of a load that read next to nothing: the head, the log, the dimensions whose keys are checked.
SMALL_STATEMENTS = 8

# Bytes of a value as BigQuery counts them. A text has two and its own: hashes have 32, names and units about 16.
VALUE_BYTES = {"BOOL": 1, "STRING": 18}
HASHES = {"load_id", "object_id", "etag"}

# Of the bench of 119 million readings in 1.14 GB of CSV, which are 1.0 GB in the staging area.
ROWS_OF_A_BYTE, BYTES_OF_A_READING = 0.104, 8.4
# A system's day has a row, or one of each hour.
ROWS_OF_A_UNIT = {"system_day": 1, "system_utc_day": 24}
# What `make bench` takes from stage to publish on two busy cores [bytes/s], and Spark to start [s].
BYTES_OF_A_SECOND = 2e6
START_SECONDS = {"local": 10, "standalone": 10, "dataproc": 90, "emr": 90}
# Smaller loads say nothing of how long large ones take [bytes].
EVIDENCE_BYTES = 50e6


@dataclass(frozen=True)
class Load:
    """What one load of a plan takes; `existing_rows` are those in the table that its statements may have to read."""

    label: str
    objects: int
    read_bytes: float
    rows: float
    partitions: int
    existing_rows: float
    billed_bytes: float


@dataclass(frozen=True)
class Quota:
    """What is needed of something of which the service has only so much; what is hard fails beyond, else it waits."""

    what: str
    needed: int
    there: int
    is_hard: bool


@dataclass(frozen=True)
class Estimate:
    """What a plan takes. `by_past` counts the loads whose time the hours follow; 0 where the bench had to do."""

    found: Comparison
    loads: tuple[Load, ...]
    hours: float
    by_past: int
    on_bigquery: bool

    @property
    def gb(self) -> float:
        """What is to be read, from the source or of the staged files that rows are derived from [GB]."""
        return sum(load.read_bytes for load in self.loads) / 1e9

    @property
    def billed_bytes(self) -> float:
        """What BigQuery will bill for [bytes]."""
        return sum(load.billed_bytes for load in self.loads) if self.on_bigquery else 0.0

    @property
    def usd(self) -> float:
        """What BigQuery will ask for that, on demand."""
        return self.billed_bytes / 2**40 * USD_PER_TIB

    @property
    def quotas(self) -> tuple[Quota, ...]:
        """What the day's quotas have to give for it; none where the warehouse has no quotas."""
        if not self.on_bigquery:
            return ()
        count = len(self.loads)
        most = max((load.partitions for load in self.loads), default=0)
        return (
            Quota("load jobs of a day and project", LOAD_JOBS_OF_A_LOAD * count, LOAD_JOBS, True),
            Quota("partitions that one load changes", most, PARTITIONS, True),
            Quota("INSERTs into etl_run that begin at once in a day", 1 + INSERTS_OF_A_LOAD * count, INSERTS, False),
        )

    def lines(self) -> Iterator[tuple[str, str]]:
        """Say all of it, a name and a text a line."""
        yield "objects", str(self.found)
        yield "to read", f"{self.gb:,.2f} GB"
        yield "rows", f"about {sum(load.rows for load in self.loads):,.0f}"
        yield "loads", f"{len(self.loads):,}, each published at once and by itself"
        if self.on_bigquery:
            for quota in self.quotas:
                yield quota.what, f"{quota.needed:,} of {quota.there:,}"
            billed = f"{self.billed_bytes / 2**30:,.1f} GiB"
            yield "BigQuery bills", f"at most about {billed}, {self.usd:,.2f} USD on demand; loading is free"
        else:
            yield "BigQuery bills", "nothing; the warehouse is a DuckDB file"
        basis = f"as {self.by_past} loads before" if self.by_past else "as the bench on two cores"
        yield "time", f"about {self.hours:,.2f} hours, {basis}"


@dataclass(frozen=True)
class Budget:
    """What a run may take at most; none is no limit."""

    usd: float | None = None
    gb: float | None = None
    hours: float | None = None

    def refuse_over(self, estimate: Estimate) -> None:
        """Refuse a plan that takes more.

        Raises:
            BudgetError: it does; every line that is exceeded is named.
        """
        compared = [
            ("BigQuery would bill", estimate.usd, self.usd, "USD"),
            ("it would read", estimate.gb, self.gb, "GB"),
            ("it would take", estimate.hours, self.hours, "hours"),
        ]
        over = [
            f"{what} {needed:,.3g} {unit}, and the budget is {most:,.3g}"
            for what, needed, most, unit in compared
            if most is not None and needed > most
        ]
        over += [
            f"{needed:,} {quota.what}, and BigQuery has {quota.there:,}"
            for quota in estimate.quotas
            if quota.is_hard and (needed := quota.needed) > quota.there
        ]
        if over:
            raise BudgetError(
                f"{estimate.found.table}, {len(estimate.loads)} loads of {estimate.found}: {'; '.join(over)}. "
                "Nothing was published. Plan fewer days or systems, or raise the budget"
            )


def estimate(found: Comparison) -> Estimate:
    """Estimate what the loads of a plan will take; reads the warehouse, and nothing of the source."""
    promised, configured = contract.load(found.table), settings()
    known = warehouse().select(sql("rows_by_day"), {"table_name": found.table})
    (operations,) = warehouse().select(sql("operations"), {})
    least = int(EVIDENCE_BYTES / (BYTES_OF_A_READING if promised.derived_from else 1))
    (past,) = warehouse().select(sql("throughput"), {"table_name": found.table, "least": least})
    by_day = {row["first_day"]: row["row_count"] for row in known}
    rows_of_a_size = _rows_of_a_size(promised, known)
    loads = tuple(_load(promised, planned, by_day, rows_of_a_size, operations) for planned in found.plans)
    rate = past["size"] * _bytes_of_a_size(promised) / past["seconds"] if past["seconds"] else BYTES_OF_A_SECOND
    seconds = len(loads) * START_SECONDS[configured.spark_profile] + sum(load.read_bytes for load in loads) / rate
    by_past = past["loads"] if past["seconds"] else 0
    return Estimate(found, loads, seconds / 3600, by_past, configured.warehouse.startswith("bigquery://"))


def _bytes_of_a_size(promised: Contract) -> float:
    """Tell the bytes that one of an object's `size_bytes` is: for a derived table it counts readings."""
    return BYTES_OF_A_READING if promised.derived_from else 1


def _rows_of_a_size(promised: Contract, known: list[dict]) -> float | None:
    """Tell the rows that one of `size_bytes` gives; none where a unit gives its own number whatever its size."""
    size, rows = (sum(row[name] for row in known) for name in ("size", "row_count"))
    if size:
        return rows / size
    return None if promised.derived_from else ROWS_OF_A_BYTE


def _load(
    promised: Contract,
    planned: Plan,
    by_day: dict[date | None, int],
    rows_of_a_size: float | None,
    operations: dict[str, int],
) -> Load:
    size = sum(entry.size_bytes for entry in planned.objects)
    beside = {version for entry in planned.objects for _, version in entry.companions}
    read_bytes = size * _bytes_of_a_size(promised) + sum(version.size_bytes for version in beside)
    by_unit = len(planned.objects) * ROWS_OF_A_UNIT.get(promised.unit, 1)
    rows = by_unit if rows_of_a_size is None else size * rows_of_a_size
    days = _days(planned)
    # Rows of whole records may be of any day, and so may be those of a load whose keys name none.
    existing = sum(count for day, count in by_day.items() if days is None or day is None or days[0] <= day <= days[1])
    covered = {day for entry in planned.objects for day in listing.days_within(entry)}
    partitions = len({day.replace(day=1) for day in covered} if promised.partition_unit == "MONTH" else covered)
    return Load(
        label=planned.label,
        objects=len(planned.objects),
        read_bytes=read_bytes,
        rows=rows,
        partitions=partitions if promised.partition else 0,
        existing_rows=existing,
        billed_bytes=_billed(promised, planned, rows, existing, operations),
    )


def _days(planned: Plan) -> tuple[date, date] | None:
    days = [day for entry in planned.objects for day in (entry.first_day, entry.last_day)]
    return None if not days or None in days else (min(days), max(days))


def _billed(promised: Contract, planned: Plan, rows: float, existing: float, operations: dict[str, int]) -> float:
    """Bound what the statements of one load are billed for [bytes]; `publish.sql` and the others are what is counted.

    Rows that are there are counted on all of the load's days: which of them their clustering spares, nobody can know.
    """
    key, every = _width(promised, promised.key), _width(promised)
    checkpoint, quality = (
        operations[table] * _width(contract.load(table)) for table in ("etl_checkpoint", "etl_quality")
    )
    checkpoint += len(planned.objects) * _width(contract.load("etl_checkpoint"))
    replaces = bool(planned.retired) or any(entry.rows_replaced for entry in planned.objects)
    statements = [
        # No key of the load is in the table from another object.
        (rows + existing) * key,
        # Its rows go in, and are counted.
        rows * every,
        (rows + existing) * _width(promised, ("load_id", "object_id")),
        # What is live; what is found is written in place of what was found before; the verdict.
        checkpoint,
        quality,
        quality,
    ]
    if replaces:
        # Rows go by object, so that all columns of their days are read; whole days would go at no cost.
        statements += [existing * every, checkpoint]
    return SMALL_STATEMENTS * LEAST_BILLED + sum(max(LEAST_BILLED, needed) for needed in statements)


def _width(promised: Contract, names: Iterable[str] | None = None) -> int:
    """Tell the bytes of a row's columns as BigQuery counts them; texts are taken as long as such texts mostly are."""
    chosen = promised.column_names if names is None else names
    return sum(
        34 if column.name in HASHES else VALUE_BYTES.get(column.type, 8)
        for column in promised.columns
        if column.name in chosen
    )

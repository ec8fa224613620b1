"""trace -- from a published figure back to the versions of source objects that it was made of.

It asks the rows what they are of, and the checkpoint what that is: nothing is guessed by names or dates. A unit of a
derived table is a fingerprint of its inputs. Where the inputs of now have that very fingerprint they are what made it;
where they have another, what made it has been superseded since, and the unit is told as one that is to be built anew.
What a loaded table's objects were read with (dictionaries, metadata) is in the plans of their loads, and told as far as
those are still in the staging area.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime

from jobs import contract, derived, described, ledger, staging, transform
from jobs.contract import Contract
from jobs.errors import LoadError
from jobs.listing import Window
from jobs.warehouse import sql, warehouse

# Columns that add up, by the ends of their names.
ADDITIVE = ("_kg", "_t", "_kwh", "_mwh", "_usd")
OWN = ("load_id", "object_id")


@dataclass(frozen=True)
class Origin:
    """An object version, or a unit of a derived table, whose bucket is its fact; and the load that brought it.

    `rows` counts the rows in question that are of it, `read_with` are the objects that it was read with.
    """

    object_id: str
    bucket: str
    object_key: str
    etag: str
    size_bytes: int
    first_day: date | None
    load_id: str
    published_at: datetime
    rows: int
    read_with: tuple[str, ...] = ()


@dataclass(frozen=True)
class Traced:
    """Rows of a table, what they are of, and what that was made of.

    `figures` are what the rows that were asked for add up to; `named` the rows of a dimension that were used. `moved`
    are the keys of units whose inputs are no more what made them, so that `made_of` does not tell of these.
    """

    table: str
    rows: int
    origins: tuple[Origin, ...] = ()
    figures: tuple[dict, ...] = ()
    named: tuple[dict, ...] = ()
    moved: tuple[str, ...] = ()
    made_of: tuple["Traced", ...] = field(default=())


def trace(table: str, window: Window, where: dict[str, str] | None = None) -> Traced:
    """Trace the rows of a table or view.

    Args:
        table: any table that is loaded or derived, or a view, which is traced through the tables that it reads.
        window: days and systems, where the table has them.
        where: values of columns, as texts.

    Raises:
        LoadError: there is no such column; or it is a view's, and no table that the view reads has it.
    """
    promised, where = contract.load(table), where or {}
    if unknown := sorted(where.keys() - set(promised.column_names)):
        raise LoadError(f"{table} has no column {', '.join(unknown)}; it has {', '.join(promised.column_names)}")
    if promised.query is not None:
        parts = [contract.load(name) for name in promised.reads]
        if made := sorted(where.keys() - {name for part in parts for name in part.column_names}):
            raise LoadError(
                f"{table} makes its column {', '.join(made)} itself, and no table that it reads has it "
                f"({', '.join(promised.reads)}), so that nothing can be traced by it. Leave it out, or trace a table"
            )
        kept = [(part, {key: value for key, value in where.items() if key in part.column_names}) for part in parts]
        return Traced(table, 0, made_of=tuple(trace(part.table, window, of_part) for part, of_part in kept))
    if not promised.sources:
        raise LoadError(
            f"{table} is the project's own record of its loads; there is nothing that it could be traced to"
        )
    within = _within(promised, window, where)
    asked = dict(where)
    rows = warehouse().select(sql("traced_rows", table=table, within=within), asked)
    counts = {(row["object_id"], row["load_id"]): row["row_count"] for row in rows}
    found = _of(promised, _named_editions(promised, within, asked) | counts, where)
    if not promised.derived_from:
        parts = (*_added_up(promised, within, asked), *_referenced(promised, within, asked))
        found = replace(found, made_of=parts)
    return replace(found, figures=_figures(promised, within, asked))


def _within(promised: Contract, window: Window, where: dict[str, str]) -> str:
    days = (window.first_day, window.last_day) if window.first_day else ledger.EVER
    within = promised.within(*days, [{"ss_id": str(ss_id)} for ss_id in window.systems])
    return " AND ".join([within, *(f"CAST(`{name}` AS STRING) = @{name}" for name in where)])


def _figures(promised: Contract, within: str, asked: dict[str, str]) -> tuple[dict, ...]:
    """Add up what adds up, for each value of the key's texts, such as each method."""
    sums = [column.name for column in promised.columns if column.name.endswith(ADDITIVE)]
    if not sums:
        return ()
    texts = [column.name for column in promised.columns if column.name in promised.key and column.type == "STRING"]
    of_each = "".join(f"`{name}`, " for name in texts)
    added = ", ".join(f"SUM(`{name}`) AS `{name}`" for name in sums)
    grouped = f" GROUP BY {of_each[:-2]} ORDER BY {of_each[:-2]}" if texts else ""
    figures = f"{of_each}COUNT(*) AS row_count, {added}"
    query = sql("traced_figures", table=promised.table, figures=figures, within=within + grouped)
    return tuple(warehouse().select(query, asked))


def _of(promised: Contract, counts: dict[tuple[str, str], int], where: dict[str, str]) -> Traced:
    """Trace rows of a table by the object versions and loads that they are of."""
    origins = tuple(_origins(promised, counts))
    found = Traced(promised.table, sum(counts.values()), origins)
    if not promised.derived_from or not origins:
        return found
    keys = {origin.object_key: origin for origin in origins}
    days = [origin.first_day for origin in origins]
    systems = tuple(sorted({int(promised.parts(key)["ss_id"]) for key in keys}))
    units = derived.units(promised, Window(min(days), max(days), systems))
    made = {key: units[key] for key in keys if key in units and units[key].version.etag == keys[key].etag}
    return replace(
        found,
        moved=tuple(sorted(keys.keys() - made.keys())),
        made_of=tuple(_inputs(promised, list(made.values()), where)),
    )


def _inputs(promised: Contract, units: list[derived.Unit], where: dict[str, str]) -> Iterator[Traced]:
    """Trace what units were made of: the objects of their fact, and the rows of dimensions."""
    fact = contract.load(next(iter(promised.derived_from)))
    entries = {(entry.object_id, entry.load_id): entry.rows_loaded for unit in units for entry in unit.objects}
    yield _of(fact, entries, {})
    for name in list(promised.derived_from)[1:]:
        if described.is_by_region(promised.derived_from[name]):
            yield _hours(promised, name, units, where)
            continue
        used = [row for unit in units for row in unit.dimensions[name] if _is_asked(row, where)]
        view = contract.load(name)
        if view.query is None:
            yield _named(name, "ss_id", {str(row["ss_id"]) for row in used}, tuple(used[0]) if used else ())
            continue
        for column, (table, key) in view.references.items():
            yield _named(table, key, {str(row[column]) for row in used if row[column] is not None})


def _hours(promised: Contract, table: str, units: list[derived.Unit], where: dict[str, str]) -> Traced:
    """Trace the hours that units were built from, by the methods that were asked for, of their regions and days alone.

    Where a newer edition repeats a day these are its hours, which say the same; the rows name the edition of their own.
    """
    by_hour = transform.of(promised.table).BY_HOUR
    used = {
        (unit.day, *by_hour[row["method"]], *(row[name] for name in described.REGION))
        for unit in units
        for known in unit.dimensions.values()
        for row in known
        if row.get("method") in by_hour and row["region"] and _is_asked(row, where)
    }
    if not used:
        return Traced(table, 0)
    fact = contract.load(table)
    named = (
        "CONCAT(CAST(EXTRACT(DATE FROM hour_start_utc) AS STRING), ' ', source, ' ', basis, ' ', region_scheme, ' ', "
        "region) IN (SELECT named FROM UNNEST(@hours) AS named)"
    )
    within = f"{fact.on_days({day for day, *_ in used})} AND {named}"
    asked = {"hours": sorted(" ".join(map(str, one)) for one in used)}
    rows = warehouse().select(sql("traced_rows", table=table, within=within), asked)
    return _of(fact, {(row["object_id"], row["load_id"]): row["row_count"] for row in rows}, {})


def _is_asked(row: dict, where: dict[str, str]) -> bool:
    return all(str(row[name]) == value for name, value in where.items() if name in row)


def _added_up(promised: Contract, within: str, asked: dict[str, str]) -> Iterator[Traced]:
    """Trace the rows of another table that figures are the sum of, and the rows that these name."""
    for name, holds in promised.adds_up.items():
        of_figures = f"EXISTS (SELECT 1 FROM `{promised.table}` AS figure WHERE {within} AND {holds})"
        part = contract.load(name)
        rows = warehouse().select(sql("traced_lines", table=name, within=of_figures, key=part.key), asked)
        counts = Counter((row["object_id"], row["load_id"]) for row in rows)
        yield replace(
            _of(part, _named_editions(part, of_figures, asked) | counts, {}),
            named=tuple({key: row[key] for key in row if row[key] is not None and key not in OWN} for row in rows),
            made_of=tuple(_referenced(part, of_figures, asked)),
        )


def _named_editions(promised: Contract, within: str, asked: dict[str, str]) -> dict[tuple[str, str], int]:
    """Find the live objects of the table's own editions that rows name, such as a mapping; they have no rows."""
    found: dict[tuple[str, str], int] = {}
    for column, source in promised.editions_of.items():
        named = _values(promised, column, within, asked)
        for version in ledger.state(promised.table).live.values() if named else ():
            of, parts = promised.source_of(version.object_key) or (None, {})
            if of and of.name == source and parts["edition"] in named:
                found[version.object_id, version.load_id] = 0
    return found


def _values(promised: Contract, column: str, within: str, asked: dict[str, str]) -> set[str]:
    names = {"table": promised.table, "column": (column,), "within": within}
    return {row["named"] for row in warehouse().select(sql("traced_values", **names), asked)}


def _referenced(promised: Contract, within: str, asked: dict[str, str]) -> Iterator[Traced]:
    """Trace the rows of other tables that rows name."""
    for column, (table, key) in leads(promised).items():
        yield _named(table, key, _values(promised, column, within, asked))


def leads(promised: Contract) -> dict[str, tuple[str, str]]:
    """Tell which columns lead where.

    That are foreign keys, and of tables that are looked at columns called after their key, or `assumption_version` and
    the like after an edition of theirs.
    """
    found = dict(promised.references)
    for table in promised.looks_at:
        if len(key := contract.load(table).key) == 1:
            found |= {name: (table, key[0]) for name in promised.column_names if name.endswith(key[0])}
        if "edition" in key:
            noun = table.removeprefix("dim_")
            names = {f"{noun}_version", f"{noun}_edition"} & set(promised.column_names)
            found |= dict.fromkeys(names, (table, "edition"))
    return found


def _named(table: str, column: str, values: Iterable[str], shown: tuple[str, ...] = ()) -> Traced:
    """Trace the rows of a dimension that have some values in a column."""
    promised = contract.load(table)
    now = "IFNULL(is_current, TRUE)" if "is_current" in promised.column_names else "TRUE"
    asked = {"named": sorted(values)}
    rows = warehouse().select(sql("traced_named", table=table, column=(column,), now=now), asked) if values else []
    counts: dict[tuple[str, str], int] = {}
    # A view has no rows of its own.
    for row in rows if promised.query is None else ():
        version = row["object_id"], row["load_id"]
        counts[version] = counts.get(version, 0) + 1
    shown = shown or tuple(name for name in promised.column_names if name not in OWN)
    named = [{name: row[name] for name in shown if row[name] is not None} for row in rows]
    return Traced(table, len(rows), tuple(_origins(promised, counts)), named=tuple(sorted(named, key=str)))


def _origins(promised: Contract, counts: dict[tuple[str, str], int]) -> Iterator[Origin]:
    """Look versions and loads up in the checkpoint, in order of days and keys."""
    ids = sorted({object_id for object_id, _ in counts})
    asked = {"table_name": promised.table, "object_ids": ids}
    found = warehouse().select(sql("traced_objects"), asked) if ids else []
    beside: dict[str, tuple[str, ...]] = {}
    if not promised.derived_from:
        for load_id in sorted({row["load_id"] for row in found}):
            beside |= _read_with(promised.table, load_id)
    for row in found:
        rows = counts.get((row["object_id"], row["load_id"]), 0)
        yield Origin(**row, rows=rows, read_with=beside.get(row["object_id"], ()))


def _read_with(table: str, load_id: str) -> dict[str, tuple[str, ...]]:
    """Tell what each object of a load was read with, as its plan has it; none where no plan is there any more."""
    plans = [one for one in staging.loads(table, load_id).get(load_id, []) if one.base_name.startswith("plan-")]
    for plan in plans[:1]:
        content = staging.read_json(f"{staging.folder(table, load_id)}/{plan.base_name}") or {"objects": ()}
        return {
            entry["object_id"]: tuple(f"s3://{one['bucket']}/{one['key']}" for _, one in entry["companions"])
            for entry in content["objects"]
        }
    return {}

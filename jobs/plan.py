"""plan -- compare what the source has with what is loaded, and write down what to load. Starts no Spark.

The unit is one object version with what it is read with. An object is new, changed (it or a companion has another ETag
or size than the live version), unchanged or vanished; those of the checkpoint that the listing lacks are reported and
stay, unless their retirement is asked for; of a table that is made anew whole what names no edition goes with the next
load.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from datetime import date

from jobs import contract, derived, editions, ledger, listing, staging, transform
from jobs.contract import Contract
from jobs.errors import LoadError, SourceError, StagingError, SupersededError
from jobs.ledger import LoadedObject
from jobs.listing import Found, Window
from jobs.objects import ObjectVersion, digest

log = logging.getLogger(__name__)

# What one Spark task reads: large enough that tasks are few (one per file costs ten times the work), small enough to
# keep a task's memory near 1 GB and to share a month of a fine-grained system among cores.
GROUP_BYTES = 16 * 1024**2
GROUP_OBJECTS = 400

# What one load has at most. BigQuery changes no more than 4,000 partitions in a job, half of which leaves room for a
# correction that deletes and inserts; it loads no more than 10,000 files at once, and a request has 10 MB.
# A day is not cut, and need not be: it has one object of a system, and one staged file of a group, because readings of
# other days are quarantined. So 10,000 files are 78 GiB of one day, and half of a request names 100,000 objects.
LOAD_DAYS = 2_000
LOAD_OBJECTS = 10_000
# Of whole records, whose days are not known, so much that their files stay below 10,000 for years of months.
LOAD_BYTES = 4 * 1024**3


@dataclass(frozen=True)
class PlannedObject:
    """An object version to load, the days and parts that its key names, and the group whose task will read it.

    `source` is the contract's name for its layout. `companions` are the versions it is read with, by what they are
    called. `rows_replaced` counts the rows in the table now whose place it takes.
    """

    bucket: str
    key: str
    etag: str
    size_bytes: int
    object_id: str
    source: str
    parts: dict[str, str]
    companions: tuple[tuple[str, ObjectVersion], ...]
    first_day: date | None
    last_day: date | None
    rows_replaced: int
    group: int

    @property
    def version(self) -> ObjectVersion:
        """The object version as S3 knows it."""
        return ObjectVersion(self.bucket, self.key, self.etag, self.size_bytes)


@dataclass(frozen=True)
class Plan:
    """A load: its objects in order, the live versions that go without a successor, and the head it was planned on.

    `load_id` follows from the table, the input versions and the versions of contract and transform, and from nothing
    else: the same inputs make the same load on any machine, on any day. What a contract's rules of the names `accepted`
    find does not stop it, nor do lost rows where it `accepts_loss`: whoever planned it takes the data as they are.
    """

    table: str
    load_id: str
    head: int
    contract_version: str
    transform_version: int
    objects: tuple[PlannedObject, ...]
    retired: tuple[str, ...]
    retired_days: tuple[date, date] | None
    accepted: tuple[str, ...] = ()
    accepts_loss: bool = False

    @property
    def plan_id(self) -> str:
        """Tell a plan of a load from another one of it, which a verdict does not hold for."""
        replaced = [f"{entry.object_id} {entry.rows_replaced}" for entry in self.objects]
        return digest(self.load_id, self.head, self.accepts_loss, *self.accepted, "replaces", *replaced)[:12]

    @property
    def uri(self) -> str:
        """Where the plan is written down."""
        return f"{staging.folder(self.table, self.load_id)}/plan-{self.head}-{self.plan_id}.json"

    @property
    def label(self) -> str:
        """Say in a few words of which days, and which systems or shares of a year, to tell a plan's loads apart."""
        days = [day for entry in self.objects for day in (entry.first_day, entry.last_day)] or self.retired_days or ()
        first, last = (None, None) if None in days or not days else (min(days), max(days))
        when = "" if first is None else f"{first}, " if first == last else f"{first} to {last}, "
        named = (("system", "ss_id"), ("state", "state"), ("quarter", "quarter"))
        whose = "".join(_span(name, {entry.parts.get(part, "") for entry in self.objects}) for name, part in named)
        count = len(self.objects) or len(self.retired)
        what = f"{count} object{'' if count == 1 else 's'}{'' if self.objects else ' to be retired'}"
        return f"{when}{what}{whose}"

    @property
    def group_count(self) -> int:
        """How many Spark tasks the load has."""
        return 1 + max((planned.group for planned in self.objects), default=-1)

    def group(self, number: int) -> tuple[PlannedObject, ...]:
        """Give the objects that one Spark task reads, in order."""
        return tuple(planned for planned in self.objects if planned.group == number)


@dataclass
class Comparison:
    """What a plan found: counts of objects, and the keys worth a word.

    `changed` counts what is to be restated too; `outranked` are days that another source has better. `plans` are the
    loads, oldest days first; more than one where one would be more than a warehouse takes, and none when there is
    nothing to do.
    """

    table: str
    new: int = 0
    changed: int = 0
    unchanged: int = 0
    outdated: int = 0
    outranked: int = 0
    vanished: list[str] = field(default_factory=list)
    retired: int = 0
    plans: tuple[Plan, ...] = ()

    def __str__(self):
        text = f"{self.new} new, {self.changed} changed, {self.unchanged} unchanged, {len(self.vanished)} vanished"
        if self.retired:
            text += f" ({self.retired} to be retired)"
        if self.outranked:
            text += f", {self.outranked} outranked"
        if len(self.plans) > 1:
            text += f", in {len(self.plans)} loads"
        if self.outdated:
            text += f"; {self.outdated} of the unchanged were loaded by an older contract or transform"
        return text


def plan(
    table: str,
    window: Window,
    *,
    restate: bool = False,
    retire_vanished: bool = False,
    accept_loss: bool = False,
    accept: tuple[str, ...] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Comparison:
    """Plan the loads of a window, and write the plans to the staging area.

    Args:
        table: a table with a source.
        window: days and systems; does not matter to a table that is made anew whole.
        restate: load unchanged objects again that an older contract or transform version has loaded.
        retire_vanished: take the rows of vanished objects out of the table.
        accept_loss: do not hold corrected objects against the number of rows that they replace.
        accept: the contract's rules whose findings are to be recorded and not to stop the loads, by name; where keys
            name editions, each with its edition, such as `co2e_not_below_co2@2023r1`.
        progress: called after each listing with how many of how many are done.

    Raises:
        SourceError: the source cannot be listed, has nothing at all, or two objects claim one day of one system.
    """
    promised = contract.load(table)
    if not promised.sources:
        raise LoadError(f"{table} has no source of its own to plan")
    _refuse_unknown_rules(promised, accept)
    is_whole = promised.replaces == "table"
    if is_whole:
        window = Window()
    # The state first: what is published while the listing runs then counts as moved, and an old listing cannot win.
    now = ledger.state(table, window.first_day or ledger.EVER[0], window.last_day or ledger.EVER[1])
    listed = (derived if promised.derived_from else listing).listed(promised, window, progress)
    if is_whole and not listed:
        raise SourceError(f"{table}: the source lists nothing that it is made of; the table stays as it is")
    live = {
        key: version
        for key, version in now.live.items()
        if is_whole or listing.within(promised, promised.parts(key), window)
    }
    there = {found.version.key for found in listed}
    comparison = Comparison(table)
    comparison.vanished = sorted(live.keys() - there)
    if is_whole:
        # What has only another name now is not lost to the table; of a part file, its name is new with each writing.
        claims = {found.claim for found in listed}
        comparison.vanished = [key for key in comparison.vanished if _claim(promised, key) not in claims]
    # A day that is vanished and stays keeps its rank, and so does a whole record, which no window of days has in it.
    empty = {found.version.key for found in listed if not found.version.size_bytes}
    records = {key for key, version in now.live.items() if version.first_day is None and key not in live}
    ranked = (there if retire_vanished else there | live.keys()) | records
    outranked = listing.outranked(promised, ranked, empty)
    left = editions.left(promised, ranked - outranked - empty)
    if not retire_vanished:
        staying = [key for key in comparison.vanished if key not in outranked]
        _refuse_parts_of(promised, staying, left, editions.left(promised, live.keys()))
    listed = [_without(found, " ".join(sorted(left.get(found.version.key, ())))) for found in listed]
    comparison.outranked = len(outranked & there)
    comparison.vanished = [key for key in comparison.vanished if key not in outranked]
    versions = promised.version, transform.of(table).VERSION
    leaving = [version for key, version in live.items() if key in outranked]
    by_day: dict[tuple, int] = Counter()
    for version in leaving:
        by_day[_subject(promised, version.object_key)] += version.rows_loaded
    # So does a newer vintage: what an older one had to leave to it is not taken back.
    held = set() if retire_vanished else {_record(promised, key) for key in comparison.vanished} - {None}
    chosen: list[tuple[Found, int]] = []
    for found in listed:
        if found.version.key in outranked:
            continue
        loaded = live.get(found.version.key)
        if loaded is None:
            if (of := listing.record(found.source, found.parts)) in held:
                raise SourceError(
                    f"{table}: {found.version.key} is new, and another vintage of its record has vanished "
                    f"({', '.join(key for key in comparison.vanished if _record(promised, key) == of)}), whose "
                    "readings it may have; nothing was planned. Plan with the vanished retired"
                )
            comparison.new += 1
        elif loaded.etag == found.version.etag and listing.record(found.source, found.parts) in held:
            comparison.unchanged += 1
            continue
        elif loaded.object_id != found.object_id or (restate and _outdated(loaded, versions)):
            comparison.changed += 1
        else:
            comparison.unchanged += 1
            comparison.outdated += _outdated(loaded, versions)
            continue
        rows_replaced = loaded.rows_loaded if loaded else 0
        rows_replaced += by_day.pop(_subject(promised, found.version.key), 0)
        chosen.append((found, rows_replaced))
    retires = retire_vanished or promised.derived_from
    retiring = _retiring(promised, listed, [live[key] for key in comparison.vanished]) if retires else []
    if is_whole and (chosen or retiring):
        lost = [] if retiring else [live[key] for key in comparison.vanished]
        if kept := [version.object_key for version in lost if _is_edition(promised, version.object_key)]:
            raise SourceError(
                f"{table} is made anew of all its objects, of which {len(kept)} editions have vanished, "
                f"so that what they alone say would be lost: {', '.join(kept)}; nothing was planned. Plan with the "
                "vanished retired"
            )
        rows = Counter({key: version.rows_loaded for key, version in live.items()})
        # What has no date makes no history and goes when the table is made anew; its rows count as replaced.
        rows[listed[0].version.key] += sum(version.rows_loaded for version in lost)
        chosen = [(found, rows[found.version.key]) for found in listed]
        retiring += lost
    comparison.retired = len(retiring)
    brought = [_planned(found, rows) for found, rows in chosen]
    comparison.plans = tuple(
        _write(promised, versions, now.head, brings, retires, _accepted(brings, accept), accept_loss)
        for brings, retires in _cut(promised, brought, [*retiring, *leaving])
    )
    return comparison


def _refuse_parts_of(
    promised: Contract, vanished: list[str], left: dict[str, dict[str, str]], before: dict[str, dict[str, str]]
) -> None:
    """Refuse new objects that own a part of what has vanished, for it cannot be read again without.

    Raises:
        SourceError: there are some; both are named.
    """
    taken = {key: left.get(key, {}).keys() - before.get(key, {}).keys() for key in vanished}
    if faults := [
        f"{left[key][part]} has {part} of {key}" for key, parts in sorted(taken.items()) for part in sorted(parts)
    ]:
        raise SourceError(
            f"{promised.table}: what is new has a part of what has vanished, whose rows are there and would double: "
            f"{'; '.join(faults)}; nothing was planned. Plan with the vanished retired, or put them back"
        )


def _without(found: Found, left: str) -> Found:
    return replace(found, parts=found.parts | {editions.LEFT: left}) if left else found


def _record(promised: Contract, key: str) -> tuple | None:
    known = promised.source_of(key)
    return known and listing.record(*known)


def _is_edition(promised: Contract, key: str) -> bool:
    # What the contract does not know any more may have been one.
    parts = promised.parts(key)
    return parts is None or "edition" in parts


def _claim(promised: Contract, key: str) -> tuple[str, ...] | None:
    known = promised.source_of(key)
    return known and listing.claim(*known)


def _subject(promised: Contract, key: str) -> tuple[int | str, ...]:
    return listing.subject(promised.parts(key) or {})


def write(planned: Plan, uri: str) -> None:
    """Write a plan to the staging area."""
    staging.write_json(uri, asdict(planned))


def _outdated(loaded: LoadedObject, versions: tuple[str, int]) -> bool:
    return (loaded.contract_version, loaded.transform_version) != versions


def read(uri: str) -> Plan:
    """Read a plan from the staging area.

    Raises:
        StagingError: there is none at this URI.
        SupersededError: it was made for another contract or transform than these here.
    """
    content = staging.read_json(uri)
    if content is None:
        raise StagingError(f"there is no plan {uri}")
    objects = tuple(map(_read_object, content.pop("objects")))
    days = content.pop("retired_days")
    planned = Plan(
        objects=objects,
        retired=tuple(content.pop("retired")),
        accepted=tuple(content.pop("accepted", ())),
        retired_days=tuple(map(_day, days)) if days else None,
        **content,
    )
    here = contract.load(planned.table).version, transform.of(planned.table).VERSION
    if (planned.contract_version, planned.transform_version) != here:
        raise SupersededError(
            f"{planned.table} load {planned.load_id} was planned for contract {planned.contract_version} and transform "
            f"{planned.transform_version}, and these are now {here[0]} and {here[1]}; nothing was published. Plan again"
        )
    return planned


def _span(name: str, parts: set[str]) -> str:
    """Say the first and the last of some parts of keys; nothing where they have none."""
    told = sorted({part.lstrip("0").upper() for part in parts} - {""}, key=lambda part: (len(part), part))
    return f", {name}s {told[0]} to {told[-1]}" if told[1:] else f", {name} {told[0]}" if told else ""


def _read_object(entry: dict) -> PlannedObject:
    companions = tuple((name, ObjectVersion(**version)) for name, version in entry.pop("companions"))
    days = {name: _day(entry.pop(name)) for name in ("first_day", "last_day")}
    return PlannedObject(**entry, **days, companions=companions)


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def _planned(found: Found, rows_replaced: int) -> PlannedObject:
    first_day, last_day = listing.days_of(found.parts) or (None, None)
    return PlannedObject(
        **asdict(found.version),
        object_id=found.object_id,
        source=found.source.name,
        parts=found.parts,
        companions=found.companions,
        first_day=first_day,
        last_day=last_day,
        rows_replaced=rows_replaced,
        group=0,
    )


def _grouped(promised: Contract, objects: list[PlannedObject]) -> tuple[PlannedObject, ...]:
    """Put objects in order and cut them into what one Spark task reads; the same cut on every machine.

    A table that is made of all its objects at once is one task.
    """
    if promised.replaces == "table":
        return tuple(sorted(objects, key=_place))
    grouped, count, size = [], 0, 0
    for entry in sorted(objects, key=_place):
        if count == GROUP_OBJECTS or (count and size + entry.size_bytes > GROUP_BYTES):
            count, size = 0, 0
        count, size = count + 1, size + entry.size_bytes
        first_of_group = count == 1
        number = (grouped[-1].group if grouped else -1) + first_of_group
        grouped.append(replace(entry, group=number))
    return tuple(grouped)


def _place(entry: PlannedObject) -> tuple:
    return int(entry.parts.get("ss_id", 0)), entry.first_day or date.min, entry.key


def _cut(
    promised: Contract, chosen: list[PlannedObject], retiring: list[LoadedObject]
) -> Iterator[tuple[list[PlannedObject], list[LoadedObject]]]:
    """Cut what comes and what goes into loads, between days or whole records; the same cut on every machine.

    What comes for a day and what goes from it stay together: a renamed object would else meet its own old rows. So do
    the vintages of a record, and a record and what it owns; and what names no day is never with what does, whose days
    would bound it.
    """
    by_place: dict[tuple, tuple[list, list]] = {}
    keys = [_key(entry) for entry in (*chosen, *retiring)]
    through, bound = editions.owned_through(promised, keys), editions.bound(promised, keys)
    for side, entries in enumerate((chosen, retiring)):
        for entry in entries:
            by_place.setdefault(_cut_place(promised, entry, through, bound), ([], []))[side].append(entry)
    load, days, whole = ([], []), set(), True
    for place, here in sorted(by_place.items()):
        is_whole = not place[0]
        covered = days | {one for side in here for entry in side for one in listing.days_within(entry)}
        both = [entry for pair in (load, here) for side in pair for entry in side]
        too_much = len(covered) > LOAD_DAYS or len(both) > LOAD_OBJECTS
        if is_whole:
            too_much = len(both) > LOAD_OBJECTS or sum(entry.size_bytes for entry in both) > LOAD_BYTES
        if any(load) and (is_whole != whole or too_much or _is_landed(promised)):
            yield load
            load, days = ([], []), set()
            covered = {one for side in here for entry in side for one in listing.days_within(entry)}
        load[0].extend(here[0])
        load[1].extend(here[1])
        days, whole = covered, is_whole
    if any(load):
        yield load


def _cut_place(
    promised: Contract, entry: PlannedObject | LoadedObject, through: int, bound: dict[str, str]
) -> tuple[bool, date, tuple[str, ...]]:
    """Tell where loads may be cut before an object: at its day, or at its record where its key names none."""
    source, parts = promised.source_of(_key(entry)) or (None, {})
    if through and (entry.first_day is None or int(parts.get("year", through + 1)) <= through):
        return False, date.min, ()
    if entry.first_day is not None or (promised.partition is None and not _is_landed(promised)):
        # Of what lands in years, what one publisher's files have wrong does not hold another's, nor a share of its
        # year those that it has nothing in common with.
        of = (source.name,) if source and _is_landed(promised) else ()
        of += (bound.get(_key(entry), _key(entry)),) if of and source.shares else ()
        return entry.first_day is not None, entry.first_day or date.min, of
    return False, date.min, _record(promised, _key(entry)) or (_key(entry),)


def _key(entry: PlannedObject | LoadedObject) -> str:
    return entry.key if isinstance(entry, PlannedObject) else entry.object_key


def _retiring(promised: Contract, listed, vanished):
    # A derived table has no listing that may fail, but our own checkpoint: what is gone there is gone.
    if vanished and not listed and not promised.derived_from:
        named = " and ".join(sorted({source.bucket.strip("{}").upper() for source in promised.sources}))
        raise SourceError(
            f"{promised.table}: the listing is empty, so {len(vanished)} objects would be retired; "
            f"an empty listing never empties a table. Check {named} and AWS_ENDPOINT_URL_S3"
        )
    return vanished


def _refuse_unknown_rules(promised: Contract, accept: tuple[str, ...]) -> None:
    rules = [rule.name for rule in promised.checks]
    if unknown := sorted({name.partition("@")[0] for name in accept} - set(rules)):
        raise LoadError(
            f"{promised.table} has no rule {', '.join(unknown)} that could be accepted; it has {', '.join(rules)}. "
            "Nothing was planned"
        )
    has_editions = _is_landed(promised)
    if wrong := sorted(name for name in accept if bool(name.partition("@")[2]) != has_editions):
        how = "for one edition each, as RULE@EDITION" if has_editions else "by their names alone"
        raise LoadError(f"rules of {promised.table} are accepted {how}, not as {', '.join(wrong)}; nothing was planned")


def _accepted(brings: list[PlannedObject], accept: tuple[str, ...]) -> tuple[str, ...]:
    """Tell which rules are accepted for a load, by the editions that it brings."""
    editions = {entry.parts.get("edition", "") for entry in brings}
    named = [name.partition("@")[::2] for name in accept]
    return tuple(sorted({rule for rule, edition in named if not edition or edition in editions}))


def _is_landed(promised: Contract) -> bool:
    """Tell whether a table is loaded edition by edition, so that one that is refused does not hold the others."""
    return promised.replaces == "object" and any(source.lands_as for source in promised.sources)


def _write(
    promised: Contract, versions, head: int, chosen, retiring, accepted: tuple[str, ...], accepts_loss: bool
) -> Plan:
    retired = tuple(sorted(version.object_id for version in retiring))
    days = [day for version in retiring for day in (version.first_day, version.last_day) if day]
    inputs = sorted(planned.object_id for planned in chosen)
    made = Plan(
        table=promised.table,
        load_id=digest(promised.table, *versions, *inputs, "retire", *retired),
        head=head,
        contract_version=versions[0],
        transform_version=versions[1],
        objects=_grouped(promised, chosen),
        retired=retired,
        # Where one names no day, its rows may be of any.
        retired_days=(min(days), max(days)) if len(days) == 2 * len(retiring) > 0 else None,
        accepted=accepted,
        accepts_loss=accepts_loss,
    )
    write(made, made.uri)
    return made

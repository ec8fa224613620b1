"""transform -- what the module of a table takes and gives.

`jobs/tables/<table>.py` has one public function, `transform(source)`, and a `VERSION` that goes up by one whenever the
same object would give other rows. The module of a derived table has them too, over DataFrames.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO, Protocol

import pyarrow as pa

from jobs.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


DIGITS = re.compile("[0-9]+")


@dataclass(frozen=True)
class Reject:
    """What was refused: where it stands, why, what it says, and how many of the rows read are in it.

    Nothing of it is lost. A line that cannot be taken apart is one reject with all its rows, which may be none.
    """

    line: int
    column: str | None
    reason: str
    raw_text: str
    rows: int = 1


class Rejects:
    """What was refused of an object, in bounded room: a text column of millions of lines shall not need gigabytes.

    Of each column and kind of reason (numbers in it do not matter) the first hundred are kept as they are; all others
    are one, with the place and the words of the first of them and the rows of all.
    """

    EACH = 100

    def __init__(self, rejects: Iterable[Reject] = ()):
        self._kept: list[Reject] = []
        self._more: dict[tuple, Reject] = {}
        self._counts: Counter[tuple] = Counter()
        self.extend(rejects)

    def append(self, reject: Reject) -> None:
        """Take one."""
        kind = reject.column, DIGITS.sub("0", reject.reason)
        self._counts[kind] += 1
        if self._counts[kind] <= self.EACH:
            self._kept.append(reject)
        else:
            first = self._more.get(kind)
            self._more[kind] = replace(first, rows=first.rows + reject.rows) if first else reject

    def extend(self, rejects: Iterable[Reject]) -> None:
        """Take several, in order."""
        for reject in rejects:
            self.append(reject)

    def __iter__(self) -> Iterator[Reject]:
        yield from self._kept
        yield from self._more.values()


@dataclass(frozen=True)
class Parsed:
    """One object's rows, or a piece of them. `rows_read` is counted by itself, so that the others can be held to it.

    `rows` has the contract's columns without load_id and object_id.
    """

    rows: pa.Table
    rows_read: int = 0
    rows_duplicate: int = 0
    rejects: list[Reject] = field(default_factory=list)


@dataclass(frozen=True)
class SourceObject:
    """An object to transform: its layout, the parts of its key, its body, and the objects that it is read with.

    `layout` is the contract's name for its source. `open` gives the body as a stream, from the start. `companions` are
    the bodies of small objects by what they are called; of each `newer` vintage its first lines and then its last.
    """

    layout: str
    parts: Mapping[str, str]
    open: Callable[[], BinaryIO]
    companions: Mapping[str, tuple[bytes, ...]] = field(default_factory=dict)

    @classmethod
    def of(cls, body: bytes, parts: Mapping[str, str], layout: str = "source", **companions) -> "SourceObject":
        """Make one of bytes."""
        return cls(layout, parts, lambda: BytesIO(body), companions)

    def body(self) -> bytes:
        """Read all of a small object."""
        with self.open() as stream:
            return stream.read()


class BesideError(SourceError):
    """A companion of an object, `called` so, is not what it should be; stage names its key. Nothing was published."""

    def __init__(self, called: str, fault: str):
        super().__init__(f"has {called} beside it, which {fault}")
        self.called, self.fault = called, fault


class Transform(Protocol):
    """The module of a table."""

    VERSION: int

    def transform(self, source: SourceObject) -> Iterator[Parsed]:
        """Turn one object into rows, a piece after the other; one that is read as a stream has pieces of bounded size.

        Raises:
            SourceError: the object is not what the source promises; says what was expected and what came.
        """


class Together(Transform, Protocol):
    """The module of a table that is made of all its objects at once; its transforms say what each object says."""

    def together(self, said: Sequence[Parsed]) -> list[Parsed]:
        """Turn what the objects say into the table's rows, each with the object that it belongs to.

        Args:
            said: one piece of each object, of columns that are the module's own business.

        Returns:
            As many pieces in the same order, with the contract's columns. The same pieces give the same rows in
            whatever order they come.
        """


class Derivation(Protocol):
    """The module of a derived table; of one with methods by the hour, BY_HOUR has the source and basis of each."""

    VERSION: int

    def transform(self, readings: "DataFrame", *described: "DataFrame") -> "DataFrame":
        """Turn rows of the fact and of the dimensions, in the order of `derivedFrom`, into rows of the table.

        The result has the contract's columns without load_id and object_id. The same rows give the same bits in
        whatever order they come. A row's unit is told by `ss_id` and the day of the table's partition.
        """


def of(table: str) -> Transform | Together | Derivation:
    """Import the module of a table."""
    return import_module(f"jobs.tables.{table}")

"""transform -- what the module of a table takes and gives.

`jobs/tables/<table>.py` has one public function, `transform(body, parts)`, and a `VERSION` that goes up by one
whenever the same object would give other rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Protocol

import pyarrow as pa


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


@dataclass(frozen=True)
class Parsed:
    """One object's rows. `rows_read` is counted by itself, so that the others can be held against it.

    `rows` has the contract's columns without load_id and object_id.
    """

    rows: pa.Table
    rows_read: int = 0
    rows_duplicate: int = 0
    rejects: list[Reject] = field(default_factory=list)


class Transform(Protocol):
    """The module of a table."""

    VERSION: int

    def transform(self, body: bytes, parts: Mapping[str, str]) -> Parsed:
        """Turn one object into rows. `parts` are the named parts of its key.

        Raises:
            SourceError: the object is not what the source promises; says what was expected and what came.
        """


def of(table: str) -> Transform:
    """Import the module of a table."""
    return import_module(f"jobs.tables.{table}")

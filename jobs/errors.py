"""errors -- the faults a run can end with, each a sentence that names the thing.

All of them but the UnknownOutcomeError mean that nothing was published: a load is wholly in the star schema or not at
all.
The command line prints the sentence and exits with 1; an Airflow task fails with it.
"""


class LoadError(Exception):
    """A load cannot go on. Nothing was published."""


class ContractError(LoadError):
    """A contract is missing or unreadable, or the data does not hold to it. Nothing was published."""


class SourceError(LoadError):
    """The source cannot be listed or read as planned. Nothing was published."""


class UnreachableError(SourceError):
    """The source or the cluster did not answer, or failed by itself. Nothing was published; another try may do."""


class StagingError(LoadError):
    """The staging area cannot be read or written, or is not what its manifest says. Nothing was published."""


class WarehouseError(LoadError):
    """The warehouse refused, or cannot be reached. Nothing was published."""


class UnknownOutcomeError(WarehouseError):
    """The warehouse says no more of a transaction that it may have. It was published or not; trying again finds out."""


class ConflictError(WarehouseError):
    """Another publisher took the table's head first. Nothing was published; trying again is safe."""


class SupersededError(LoadError):
    """The plan is older than what the table holds by now. Nothing was published; plan again."""


class BudgetError(LoadError):
    """What is planned would take more than it may. Nothing was published; it may be planned smaller."""


class ExportError(LoadError):
    """An export cannot be made as asked. Nothing was exported."""

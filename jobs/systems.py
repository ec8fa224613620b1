"""systems -- which photovoltaic systems there are: those of the catalogue, and those with a folder in the bucket."""

from collections.abc import Iterable

from jobs import contract, described, listing
from jobs.errors import LoadError


def refuse_unknown(systems: Iterable[int]) -> None:
    """Refuse systems that are neither in the catalogue that is loaded nor in the bucket.

    The bucket is asked only for what the catalogue does not have, which may not be loaded yet.

    Raises:
        LoadError: there are such systems; all of them are named.
        SourceError: the bucket cannot be asked.
    """
    if not (unknown := set(systems)):
        return
    unknown -= described.dimension("dim_system", ("ss_id",), sorted(unknown)).keys()
    fact = contract.load("fact_pv_measurement")
    if unknown and (unknown := unknown - listing.systems(fact)):
        raise LoadError(
            f"there is no system {', '.join(map(str, sorted(unknown)))}: neither in the catalogue (dim_system) nor in "
            f"the bucket ({listing.bucket_of(fact).name}); nothing was planned"
        )

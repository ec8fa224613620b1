"""standard_time -- from local standard time to the instant, by the state, or where that has several zones by the plant.

The offsets are those of 49 CFR Part 71, which draws the boundaries of the zones of the United States; Puerto Rico's is
15 U.S.C. 261's. A state through which a boundary goes is in no zone by its name alone; but Nevada is, for all of it is
in the Pacific zone save for the city of West Wendover (49 CFR 71.9), which has no plant in EPA's data.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Standard time less UTC [h].
OFFSETS = {
    -4: "PR",
    -5: "CT DC DE GA MA MD ME NC NH NJ NY OH PA RI SC VA VT WV",
    -6: "AL AR IA IL LA MN MO MS OK WI",
    -7: "AZ CO MT NM UT WY",
    -8: "CA NV WA",
    -10: "HI",
}
OFFSET_HOURS = {state: offset for offset, states in OFFSETS.items() for state in states.split()}
# Of a state of several zones the easternmost. Each has one more, an hour behind.
EASTERN = {-5: "FL IN KY MI TN", -6: "KS ND NE SD TX", -7: "ID OR", -9: "AK"}
EASTERN_HOURS = {state: offset for offset, states in EASTERN.items() for state in states.split()}
# By which the hours of a state are told where they must be by one: of several zones by the easternmost, but in Oregon,
# where practically all plants that are metered lie west of Malheur County, by Pacific time.
CLOCK_HOURS = OFFSET_HOURS | EASTERN_HOURS | {"OR": -8}
# What is said of an instant: by the zone of the state, by the place of the plant, or not at all.
BASES = BY_STATE, BY_PLACE, SEVERAL_ZONES = "state", "coordinates", "several_zones"


def instants(
    local: pa.TimestampArray, states: pa.StringArray, plants: pa.IntegerArray, plant_hours: Mapping[int, int]
) -> tuple[pa.TimestampArray, pa.DictionaryArray]:
    """Give the instants of local standard times, and how each is known.

    Args:
        local: times [local standard time, the whole year].
        states: postal codes, as many.
        plants: whose times they are, as many.
        plant_hours: standard time less UTC [h] by plant, which counts where the state has several zones.

    Returns:
        Instants [UTC], null of a plant in a state of several zones whose time is not told; and for each its basis.
    """
    by_state, by_place = _ahead(states, OFFSET_HOURS), _ahead(plants, plant_hours)
    known = pc.subtract(local, pc.coalesce(by_state, by_place)).cast(pa.timestamp("us", tz="UTC"))
    is_told = [ahead.is_valid().to_numpy(zero_copy_only=False) for ahead in (by_state, by_place)]
    basis = np.select(is_told, [0, 1], 2).astype(np.int32)
    return known, pa.DictionaryArray.from_arrays(pa.array(basis), pa.array(BASES))


def by_state_clock(moments: pa.TimestampArray, states: pa.StringArray) -> pa.TimestampArray:
    """Give the times of instants [standard time] by the one clock of their state, of CLOCK_HOURS."""
    return pc.add(moments.cast(pa.timestamp("us")), _ahead(states, CLOCK_HOURS))


def _ahead(named: pa.Array, offset_hours: Mapping) -> pa.DurationArray:
    told = named.dictionary_encode()
    hours = pa.array([offset_hours.get(name) for name in told.dictionary.to_pylist()], pa.int64()).take(told.indices)
    return pc.multiply(hours, pa.scalar(3_600_000_000, pa.int64())).cast(pa.duration("us"))

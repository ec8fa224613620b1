"""standard_time -- from local standard time to the instant, by the state, for those that keep one time.

The offsets are those of 49 CFR Part 71, which draws the boundaries of the zones of the United States; Puerto Rico's is
15 U.S.C. 261's. A state through which a boundary goes is in no zone by its name alone; but Nevada is, for all of it is
in the Pacific zone save for the city of West Wendover (49 CFR 71.9), which has no plant in EPA's data.
"""

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
# Of a state of several zones the easternmost, by which its hours are told where they must be by one.
EASTERN = {-5: "FL IN KY MI TN", -6: "KS ND NE SD TX", -7: "ID OR", -9: "AK"}
CLOCK_HOURS = OFFSET_HOURS | {state: offset for offset, states in EASTERN.items() for state in states.split()}
# What is said of an instant: by the zone of the state, or not at all.
BY_STATE, SEVERAL_ZONES = "state", "several_zones"


def instants(local: pa.TimestampArray, states: pa.StringArray) -> tuple[pa.TimestampArray, pa.DictionaryArray]:
    """Give the instants of local standard times, and how each is known.

    Args:
        local: times [local standard time, the whole year].
        states: postal codes, as many.

    Returns:
        Instants [UTC], null in a state of several zones; and for each `state` or `several_zones`.
    """
    ahead = _ahead(states, OFFSET_HOURS)
    known = pc.subtract(local, ahead).cast(pa.timestamp("us", tz="UTC"))
    basis = np.where(ahead.is_valid().to_numpy(zero_copy_only=False), 0, 1).astype(np.int32)
    return known, pa.DictionaryArray.from_arrays(pa.array(basis), pa.array([BY_STATE, SEVERAL_ZONES]))


def by_state_clock(moments: pa.TimestampArray, states: pa.StringArray) -> pa.TimestampArray:
    """Give the times of instants [standard time] by the clock of their state: of several zones the easternmost."""
    return pc.add(moments.cast(pa.timestamp("us")), _ahead(states, CLOCK_HOURS))


def _ahead(states: pa.StringArray, offset_hours: dict[str, int]) -> pa.DurationArray:
    told = states.dictionary_encode()
    hours = pa.array([offset_hours.get(state) for state in told.dictionary.to_pylist()], pa.int64()).take(told.indices)
    return pc.multiply(hours, pa.scalar(3_600_000_000, pa.int64())).cast(pa.duration("us"))

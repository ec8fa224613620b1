"""scores -- how well the flags agree with labelled readings: `python -m jobs scores`.

The samples are those inside the package pvanalytics, of PVDAQ and of NREL's PV Fleets, power as a share of its greatest
value or in W. Their labels: readings that were replaced by one value (stale), gaps filled by straight lines
(interpolated), six readings that were changed by hand (outlier), periods that people saw clipped. Night is labelled
here, where a reading other than zero is before sunrise or after sunset by the full algorithm; the flag waits for dusk.
pvanalytics' samples of daylight saving time carry no labels.
"""

from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import pandas as pd
from pvlib import solarposition

from jobs import flags, quality
from jobs.quality import System

SERF_EAST = System(latitude_deg=39.742, longitude_deg=-105.173, utc_offset_hours=-7.0)


@dataclass(frozen=True)
class Sample:
    """A labelled series of AC power; without a column of labels, night is what is labelled."""

    file: str
    value: str
    label: str | None
    flag: int
    system: System


@dataclass(frozen=True)
class Score:
    """How a flag met the labels of a sample [readings]."""

    sample: str
    flag: str
    readings: int
    labelled: int
    flagged: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the flagged readings that are labelled."""
        return self.both / self.flagged if self.flagged else float("nan")

    @property
    def recall(self) -> float:
        """Share of the labelled readings that are flagged."""
        return self.both / self.labelled if self.labelled else float("nan")


SAMPLES = (
    Sample("ac_power_inv_2173_stale_data.csv", "value_normalized", "stale_data_mask", flags.STALE, System()),
    Sample(
        "ac_power_inv_2173_interpolated_data.csv", "value_normalized", "interpolated_data_mask", flags.STALE, System()
    ),
    Sample("ac_power_inv_7539_outliers.csv", "value_normalized", "outlier", flags.OUTLIER, System()),
    Sample("ac_power_inv_7539.csv", "value_normalized", "label", flags.CLIPPING, System()),
    Sample("serf_east_1min_ac_power.csv", "ac_power__752", None, flags.NIGHT_OFFSET, SERF_EAST),
)


def score(sample: Sample) -> Score:
    """Flag a sample and hold the flags against its labels."""
    readings = pd.read_csv(files("pvanalytics") / "data" / sample.file).dropna(subset=sample.value)
    # The first column is the time with its offset; the day is that of the wall clock.
    times = pd.to_datetime(readings.iloc[:, 0])
    values = readings[sample.value].to_numpy(float)
    labelled = readings[sample.label].to_numpy(bool) if sample.label else _dark(times, values, sample.system)
    wall_clock = times.dt.tz_localize(None).to_numpy("datetime64[us]")
    flagged = quality.flags(wall_clock, values, "ac_power", "W", sample.system) & sample.flag > 0
    return Score(
        sample=sample.file,
        flag=flags.FLAGS[sample.flag].name,
        readings=len(values),
        labelled=np.count_nonzero(labelled),
        flagged=np.count_nonzero(flagged),
        both=np.count_nonzero(labelled & flagged),
    )


def _dark(times: pd.Series, values: np.ndarray, system: System) -> np.ndarray:
    days = pd.DatetimeIndex(times)
    sun = solarposition.sun_rise_set_transit_spa(days, system.latitude_deg, system.longitude_deg)
    return (values != 0) & ((days < sun["sunrise"]) | (days > sun["sunset"]))

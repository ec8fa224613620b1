"""pudl -- hourly emissions of generating units as PUDL publishes them in one parquet of a billion rows.

It gives what `campd` gives, row group by row group. What surprises in this data: hours are instants, made of EPA's
local hours with the offset that the plant's zone has in January, so the same table of plants leads back; and a unit id
that is all digits has lost its leading zeros, so that a unit may have another name than in EPA's own files.
"""

from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jobs.campd import KG_PER_LB, KG_PER_SHORT_TON, SCHEMA, TEXT, Block
from jobs.errors import SourceError
from jobs.standard_time import OFFSET_HOURS
from jobs.transform import Reject, Rejects, SourceObject

# PUDL's columns: ours, and what to multiply by.
NUMBERS = {
    "operating_time_hours": ("operating_time_hours", 1.0),
    "gross_load_mw": ("gross_load_mw", 1.0),
    "steam_load_lbs": ("steam_load_kg_per_hour", KG_PER_LB),
    "heat_content_mmbtu": ("heat_input_mmbtu", 1.0),
    "so2_mass_lbs": ("so2_kg", KG_PER_LB),
    "nox_mass_lbs": ("nox_kg", KG_PER_LB),
    "co2_mass_tons": ("co2_kg", KG_PER_SHORT_TON),
}
TEXTS = {
    "emissions_unit_id_epa": "unit_id",
    "state": "state",
    "so2_mass_measurement_code": "so2_measure",
    "nox_mass_measurement_code": "nox_measure",
    "co2_mass_measurement_code": "co2_measure",
}
IDS = ("plant_id_epa", "plant_id_eia")
MOMENT = "operating_datetime_utc"
COLUMNS = (*IDS, MOMENT, *TEXTS, *NUMBERS)
BATCH_ROWS = 128 * 1024
# EPA has hours of units from this year on.
FIRST_YEAR = 1995
# A day of standard time in every zone of the United States.
WINTER = datetime(2011, 1, 1)


def blocks(source: SourceObject, through: int) -> Iterator[Block]:
    """Read PUDL's record in blocks; memory does not follow its size, for row groups are read by range.

    Args:
        source: the parquet, with PUDL's `plants` beside it.
        through: the last year [local standard time] that is taken; EPA's own files have the later ones, which are
            counted as duplicates here.

    Yields:
        Blocks of `campd.SCHEMA` in file order; row numbers stand for lines. A row without a key, of a plant whose local
        hour nobody can tell, or with a number that cannot be is refused.

    Raises:
        SourceError: it is no parquet with PUDL's columns, or the plants are none.
    """
    offsets = _offsets(source.companions.get("plants", ()))
    with source.open() as stream:
        try:
            file = pq.ParquetFile(stream, read_dictionary=[*TEXTS])
            if missing := [name for name in COLUMNS if name not in file.schema_arrow.names]:
                has = ", ".join(file.schema_arrow.names)
                raise SourceError(f"lacks the columns {', '.join(missing)}; it has {has}")
            line = 0
            for group in range(file.num_row_groups):
                # The footer counts by itself.
                uncounted = file.metadata.row_group(group).num_rows
                for batch in file.iter_batches(BATCH_ROWS, row_groups=[group], columns=list(COLUMNS)):
                    yield _block(pa.table(batch), offsets, through, line, uncounted)
                    line, uncounted = line + len(batch), 0
        except pa.ArrowException as fault:
            raise SourceError(f"is not parquet with the columns {', '.join(COLUMNS)}: {fault}") from None


def _offsets(plants: tuple[bytes, ...]) -> dict[int, int]:
    """Tell by plant how far its standard time is from UTC [h].

    Raises:
        SourceError: there is no table of plants, or it has no zones.
    """
    if not plants:
        raise SourceError("has no core_eia__entity_plants.parquet beside it, by which its hours are local ones")
    try:
        rows = pq.read_table(BytesIO(plants[0]), columns=["plant_id_eia", "timezone"]).drop_null()
    except (pa.ArrowException, KeyError) as fault:
        raise SourceError(f"has core_eia__entity_plants.parquet beside it without zones: {fault}") from None
    known: dict[str, int | None] = {}
    for zone in rows["timezone"].unique().to_pylist():
        try:
            known[zone] = round(ZoneInfo(zone).utcoffset(WINTER).total_seconds() / 3600)
        except (ZoneInfoNotFoundError, ValueError):
            known[zone] = None
    zones = zip(rows["plant_id_eia"].to_pylist(), rows["timezone"].to_pylist(), strict=True)
    return {plant: known[zone] for plant, zone in zones if known[zone] is not None}


def _block(rows: pa.Table, offsets: dict[int, int], through: int, first_row: int, rows_read: int) -> Block:
    rejects = Rejects()
    texts = {ours: _text(rows[name]) for name, ours in TEXTS.items()}
    states = texts["state"].cast(pa.string())
    numbers = {name: rows[name].combine_chunks().cast(pa.float64()) for name in NUMBERS}
    local, moments = _local(rows, states, offsets)
    faults = np.full(len(rows), "", dtype=object)
    for name, values in numbers.items():
        given = values.to_numpy(zero_copy_only=False)
        most = 1.0 if name == "operating_time_hours" else np.inf
        bad = values.is_valid().to_numpy(zero_copy_only=False) & ~(np.isfinite(given) & (given >= 0) & (given <= most))
        faults[bad] = f"{name} is no number that can be"
    faults[np.isnat(local)] = "the zone of the plant is not known, so that its local hour is not either"
    for name in (MOMENT, "plant_id_epa", "emissions_unit_id_epa", "state"):
        faults[rows[name].is_null().to_numpy()] = f"has no {name}"
    for row in np.flatnonzero(faults != ""):
        said = {name: value for name, value in rows.slice(row, 1).to_pylist()[0].items() if value is not None}
        rejects.append(Reject(first_row + int(row), None, str(faults[row]), str(said)))
    sound = faults == ""
    ours = sound & (local < np.datetime64(f"{through + 1}-01-01"))
    columns = {
        "facility_id": rows["plant_id_epa"].cast(pa.int64()),
        "hour_start_local": pa.array(local),
        "hour_start_utc": moments.cast(pa.timestamp("us", tz="UTC")),
        "utc_basis": pa.array(["published"] * len(rows), pa.string()).dictionary_encode(),
        **texts,
        **{ours: pc.multiply(numbers[name], factor) for name, (ours, factor) in NUMBERS.items()},
    }
    columns |= {field.name: pa.nulls(len(rows), field.type) for field in SCHEMA if field.name not in columns}
    kept = pa.table(columns).select(SCHEMA.names).cast(SCHEMA).filter(pa.array(ours))
    return Block(kept, rows_read, int(np.count_nonzero(sound & ~ours)), list(rejects))


def _text(column: pa.ChunkedArray) -> pa.DictionaryArray:
    whole = column.combine_chunks()
    return whole.cast(TEXT) if pa.types.is_dictionary(whole.type) else whole.cast(pa.string()).dictionary_encode()


def _local(rows: pa.Table, states: pa.Array, offsets: dict[int, int]) -> tuple[np.ndarray, pa.Array]:
    """Give local standard hours, not a time where nobody can tell, and the instants that they are made of."""
    moments = rows[MOMENT].combine_chunks().cast(pa.timestamp("us"))
    plants, inverse = np.unique(rows["plant_id_eia"].fill_null(-1).to_numpy(), return_inverse=True)
    by_plant = np.array([offsets.get(int(plant), np.nan) for plant in plants])[inverse]
    told = states.dictionary_encode()
    by_name = np.array([*(OFFSET_HOURS.get(state, np.nan) for state in told.dictionary.to_pylist()), np.nan])
    by_state = by_name[told.indices.fill_null(-1).to_numpy()]
    hours = np.where(np.isnan(by_plant), by_state, by_plant)
    known = ~np.isnan(hours)
    shifts = np.where(known, hours, 0).astype("timedelta64[h]")
    return np.where(known, moments.to_numpy(zero_copy_only=False) + shifts, np.datetime64("NaT")), moments

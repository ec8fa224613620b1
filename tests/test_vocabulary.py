"""The vocabulary: every name it says it has seen, and names that only look like one."""

import csv
import re

import pytest
from conftest import ROOT

from jobs import vocabulary

with (ROOT / "jobs/vocabulary.csv").open(newline="", encoding="utf-8") as table:
    ROWS = list(csv.DictReader(table))


@pytest.mark.parametrize(
    ("name", "quantity", "units"),
    [(name, row["quantity"], row["units"]) for row in ROWS for name in row["names_seen"].split(", ")],
)
def test_a_name_that_was_seen_has_its_quantity_and_unit_and_no_other(name, quantity, units):
    assert vocabulary.describe(f"{name}__7") == (quantity, units)
    assert len([row for row in ROWS if re.fullmatch(row["name_pattern"], name, re.IGNORECASE)]) == 1


@pytest.mark.parametrize(
    "name", ["ac_power_meter_1864", "poa_irradiance_mv", "my_ac_power", "ac_power_kwh", "wind", "ghi2"]
)
def test_a_name_that_only_looks_like_a_known_one_is_not_known(name):
    assert vocabulary.describe(f"{name}__7") == (None, None)

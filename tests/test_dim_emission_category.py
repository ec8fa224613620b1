"""The categories of an inventory: the view says what the project's own list says."""

import csv
from pathlib import Path

from both import same_on_both
from googlesql import DATASET

from jobs import contract

LIST = Path(contract.__file__).parent / "emission_categories.csv"


def _text(value):
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_the_view_has_the_categories_of_the_list():
    rows = same_on_both(contract.load("dim_emission_category").view_query(DATASET), {})
    said = [{name: _text(value) for name, value in row.items()} for row in rows]
    with LIST.open(newline="", encoding="utf-8") as source:
        listed = list(csv.DictReader(source))

    assert sorted(said, key=lambda row: row["category_id"]) == sorted(listed, key=lambda row: row["category_id"])


def test_they_are_those_of_the_ghg_protocol():
    with LIST.open(newline="", encoding="utf-8") as source:
        listed = list(csv.DictReader(source))

    assert [row["scope3_number"] for row in listed if row["scope"] == "3"] == [str(number) for number in range(1, 16)]
    assert [row["scope2_method"] for row in listed if row["scope"] == "2"] == ["location", "market"]
    assert [row["category_id"] for row in listed if row["is_in_inventory"] == "false"] == ["biogenic", "avoided"]

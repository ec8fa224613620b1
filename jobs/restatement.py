"""restatement -- what a plan would say otherwise of the past, told before anything is rebuilt.

Rows of a table that is derived from view_system_factor name the factor that they were made with. Where a new edition
has changed it, or a system is in another region by now or in none, the plan has their units as changed; here is by
which factors. Any gas that is another, that was not known or is not any more, is a change; an hour's rate under another
edition's name is none.
"""

from dataclasses import dataclass
from datetime import date

from jobs import contract
from jobs.plan import Comparison
from jobs.warehouse import sql, warehouse

FACTORS, HOURS = "view_system_factor", "fact_grid_intensity_hourly"


@dataclass(frozen=True)
class Restated:
    """One factor in the place of another [kg CO2/MWh]: of which rows, and what these avoid by the two [kg CO2].

    A factor or a mass that is none is not known: there was none, or there is none any more.
    """

    method: str
    region: str | None
    old_factor: str | None
    new_factor: str | None
    old_kg_per_mwh: float | None
    new_kg_per_mwh: float | None
    systems: int
    days: int
    first_day: date
    last_day: date
    row_count: int
    energy_kwh: float | None
    old_kg: float | None
    new_kg: float | None

    @property
    def drift_percent(self) -> float | None:
        """The new factor less the old one, in per cent of the old one; none where either is, or the old one is zero."""
        if self.new_kg_per_mwh is None or not self.old_kg_per_mwh:
            return None
        return 100 * (self.new_kg_per_mwh - self.old_kg_per_mwh) / self.old_kg_per_mwh

    def __str__(self):
        drift = "" if self.drift_percent is None else f" ({self.drift_percent:+.3f} %)"
        return (
            f"{self.method} of {self.region or 'no region'}: {self.old_factor or 'no factor'} -> "
            f"{self.new_factor or 'no factor'}, {_number(self.old_kg_per_mwh)} -> {_number(self.new_kg_per_mwh)} kg "
            f"CO2/MWh{drift}; {self.row_count:,} rows of {self.systems:,} systems on {self.days:,} days from "
            f"{self.first_day} to {self.last_day}, CO2 {_number(self.old_kg)} -> {_number(self.new_kg)} kg"
        )


def restated(found: Comparison) -> list[Restated]:
    """Tell which factors a plan's changed units were made with, and which hold for them by now.

    Units that only their energy has changed, or their load, have no line.
    """
    promised = contract.load(found.table)
    if FACTORS not in promised.derived_from or not found.changed:
        return []
    changed = [entry for planned in found.plans for entry in planned.objects if entry.rows_replaced]
    if not changed:
        return []
    days = {entry.first_day for entry in changed}
    of_systems = promised.within(min(days), max(days), [{"ss_id": entry.parts["ss_id"]} for entry in changed])
    within, hours = f"{promised.on_days(days)} AND {of_systems}", contract.load(HOURS).on_days(days)
    asked = sql("restated", table=found.table, within=within, hours=hours)
    return [Restated(**row) for row in warehouse().select(asked, {})]


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.3f}"

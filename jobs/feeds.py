"""feeds -- the files that an institution's activities come in: their columns, and how their cells are read.

What a column may be called stands here and nowhere else. A file with a line for each expense is read alike whether its
entries are flights or food; a survey comes in three layouts, as surveys have been published.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from jobs import categories, gwp, headers, sheets
from jobs.bills import ELECTRIC, INSTRUMENTS, SUPPLIER, fault
from jobs.entries import CellError, Feed, batch, number
from jobs.errors import SourceError

# Kilograms by the columns that weights of food are in, and their words; a gallon of food counts as a gallon of water.
KG = {"kg": 1.0, "lb": 0.45359237, "gal": 3.78541}
WEIGHTS = {
    "kg": ("kg", "kgs", "kilo", "kilos", "kilogram", "kilograms"),
    "lb": ("lb", "lbs", "pound", "pounds"),
    "gal": ("gal", "gals", "gallon", "gallons"),
}
SAID_OF = ("{}", "weight {}", "{} weight", "weight in {}", "total {}")
WEIGHT_HEADERS = {
    unit: tuple(said.format(word) for said in SAID_OF for word in words) for unit, words in WEIGHTS.items()
}
DAYS = ("%Y-%m-%d", "%m/%d/%Y", "%Y-%m-%d %H:%M:%S")
CURRENCY = "USD"


def _money(cells: Mapping[str, str], name: str = "amount") -> float:
    if cells.get("currency") and cells["currency"] != CURRENCY:
        raise CellError("currency", f"is in {cells['currency']}, and amounts are in {CURRENCY}")
    return number(cells, name)


def _day(cells: Mapping[str, str], name: str = "date") -> date:
    for form in DAYS:
        try:
            return datetime.strptime(cells[name], form).date()
        except ValueError:
            continue
    raise CellError(name, f"{cells[name]!r} is no day")


def _year(cells: Mapping[str, str]) -> int:
    if not re.fullmatch("[12][0-9]{3}", year := sheets.code(cells["fiscal_year"]).removeprefix("FY")):
        raise CellError("fiscal_year", f"{cells['fiscal_year']!r} is no year")
    return int(year)


def _text(cells: Mapping[str, str], name: str) -> str:
    if not cells[name]:
        raise CellError(name, "is empty")
    return cells[name]


def _cost_object(cells: Mapping[str, str]) -> str | None:
    return sheets.code(cells["cost_object"]) or None


def _expense(cells: dict[str, str], _kind, _parts) -> dict:
    return {
        "item": _text(cells, "item"),
        "activity_date": _day(cells),
        "cost_object": _cost_object(cells),
        "amount_usd": _money(cells),
    }


# Only what was approved and will be paid counts: by column, the states that are that, and those that are not, as
# procurement systems call them. A word that is in neither may be either.
PAYABLE = {"header_status": {"approved"}, "order_status": {"po closed", "soft closed", "issued"}}
NOT_PAYABLE = {
    "header_status": {
        *("abandoned", "ap hold", "booking hold", "canceled", "cancelled", "disputed", "draft", "invalid", "new"),
        *("on hold", "pending action", "pending approval", "pending receipt", "processing", "rejected", "voided"),
    },
    "order_status": {
        *("buyer hold", "canceled", "cancelled", "currency hold", "draft", "error", "on hold", "pending approval"),
        *("rejected", "supplier window hold", "voided"),
    },
}


def _is_payable(cells: Mapping[str, str], column: str) -> bool:
    """Tell whether a state is one of what is paid; one that is not said is.

    >>> [_is_payable({"order_status": state}, "order_status") for state in ("PO closed", "Cancelled", "")]
    [True, False, True]
    """
    state = " ".join(cells[column].casefold().split())
    if state and state not in PAYABLE[column] | NOT_PAYABLE[column]:
        raise CellError(column, f"{cells[column]!r} is no state that is known to be paid or not to be")
    return not state or state in PAYABLE[column]


def _invoice(cells: dict[str, str], kind, parts) -> dict:
    # Each is looked at, so that a word that nobody knows is told even where the other excludes the line.
    payable = [_is_payable(cells, column) for column in PAYABLE]
    return _expense(cells, kind, parts) | {"is_excluded": not all(payable)}


def _cost(times: float, kinds: Mapping[str, str]) -> Callable:
    """Read a cell of costs by fiscal year, in dollars or in millions of them."""

    def read(cells: dict[str, str], kind: str, _parts) -> dict:
        return {"item": kinds[kind], "fiscal_year": _year(cells), "amount_usd": times * _money(cells, kind)}

    return read


def _survey_year(parts: Mapping[str, str]) -> int:
    year = batch(parts["edition"])[0]
    if not re.fullmatch("[12][0-9]{3}", year):
        raise SourceError(f"is a survey called {year}, and surveys are called by their fiscal year, such as 2023")
    return int(year)


def _riders(cells: dict[str, str], kind: str, parts: Mapping[str, str]) -> dict:
    """Read how many ride so many minutes one way."""
    if cells["minutes"]:
        minutes = number(cells, "minutes")
    elif cells["hours"]:
        minutes = 60 * number(cells, "hours")
    else:
        raise CellError("minutes", "is empty")
    said = {"fiscal_year": _survey_year(parts), "item": MODES[kind], "weight": minutes}
    return said | {"quantity": number(cells, kind), "quantity_unit": "riders"}


def _rider_minutes(cells: dict[str, str], kind: str, parts: Mapping[str, str]) -> dict:
    """Read for how many minutes a week a role rides one way, all its people together."""
    said = {"fiscal_year": _survey_year(parts), "item": MODES[kind], "quantity": number(cells, kind)}
    return said | {"quantity_unit": "rider-minutes a week"}


def _count(cells: dict[str, str], _kind, parts: Mapping[str, str]) -> dict:
    """Read how many ride, and how far one way where that is said."""
    said = {"fiscal_year": _survey_year(parts), "item": _text(cells, "item").casefold()}
    miles = number(cells, "miles") if cells["miles"] else None
    return said | {"quantity": number(cells, "count"), "quantity_unit": "riders", "weight": miles}


def _food(cells: dict[str, str], _kind, _parts) -> dict:
    """Read an order of food: its money, its weight [kg], or both. A weight of nothing is none.

    What is sold by the gallon may be beside what is sold by the pound; kilograms and pounds are the same weight twice.
    """
    weights = {unit: number(cells, unit) for unit in KG if cells[unit]}
    if weights.get("kg") and weights.get("lb"):
        raise CellError("lb", f"is {cells['lb']}, and there are {cells['kg']} kg: the line has its weight twice")
    kg = sum(KG[unit] * weight for unit, weight in weights.items())
    said = {"item": _text(cells, "item"), "activity_date": _day(cells), "cost_object": _cost_object(cells)}
    if cells["amount"] or not kg:
        said["amount_usd"] = _money(cells)
    return said | ({"quantity": kg, "quantity_unit": "kg"} if kg else {})


def _gwp_set(cells: Mapping[str, str]) -> str:
    if cells["gwp_set"] not in gwp.SETS:
        raise CellError("gwp_set", f"{cells['gwp_set']!r} is none of {', '.join(gwp.SETS)}")
    return cells["gwp_set"]


def _bill(cells: dict[str, str], _kind, _parts) -> dict:
    """Read a bill of energy; `weight` is what somebody states of this electricity [kg CO2e/kWh], its supplier or else.

    What it is CO2e by is null where the bill does not say. A certificate or a contract is a `part` of the bill, and all
    else of it, whether its supplier states anything or not, is the rest.
    """
    said = {"item": _text(cells, "item"), "activity_date": _day(cells), "cost_object": _cost_object(cells)}
    said |= {"quantity": number(cells, "quantity"), "quantity_unit": _text(cells, "unit")}
    if cells["total"]:
        said["total"] = number(cells, "total")
    if not cells["stated"]:
        # Without a rate it would be thought to count.
        if about := next((name for name in ("instrument", "gwp_set", "certificate") if cells[name]), None):
            raise CellError(about, f"is {cells[about]}, and no kg CO2e per kWh are stated")
        return said
    stated = number(cells, "stated")
    if cells["unit"].casefold() not in ELECTRIC:
        raise CellError("stated", f"is of electricity by the kWh, and the bill is in {cells['unit'] or 'no unit'}")
    instrument = cells["instrument"].casefold() or SUPPLIER
    if instrument not in INSTRUMENTS:
        raise CellError("instrument", f"{cells['instrument']!r} is none of {', '.join(INSTRUMENTS)}")
    if instrument != SUPPLIER:
        said["part"] = instrument, sheets.code(cells["certificate"]).casefold()
    elif cells["certificate"]:
        raise CellError("certificate", f"is {cells['certificate']}, and the instrument is the {SUPPLIER}")
    return said | {"weight": stated, "instrument": instrument, "gwp_set": _gwp_set(cells) if cells["gwp_set"] else None}


def _load_of_waste(cells: dict[str, str], _kind, _parts) -> dict:
    said = {"item": _text(cells, "item"), "activity_date": _day(cells), "quantity_unit": "short ton"}
    return said | {"quantity": number(cells, "tons")}


def _statement(cells: dict[str, str], _kind, _parts) -> dict:
    """Read emissions that somebody else has worked out: a category's of a fiscal year [t CO2e]."""
    gwp_set = _gwp_set(cells)
    category_id = categories.named(cells["item"])
    if category_id is None:
        raise CellError("item", f"{cells['item']!r} is no category, by its id or its name")
    said = {"item": category_id, "fiscal_year": _year(cells), "gwp_set": gwp_set}
    return said | {"co2e_kg": 1000 * number(cells, "tonnes")}


# Modes by the columns that surveys have them in, and what people tick who take several.
MODES = {
    "drove_alone": "drove alone",
    "drove_and_transit": "drove alone and public transportation",
    "walked_and_transit": "walked and public transportation",
    "bicycled_and_transit": "bicycled and public transportation",
    "dropped_off": "dropped off",
    "dropped_and_transit": "dropped off and public transportation",
    "taxi": "taxi",
    "carpooled": "carpooled",
    "vanpooled": "vanpooled",
    "shuttle": "shuttle",
    "transit": "public transportation",
}
MODE_HEADERS = {kind: (mode,) for kind, mode in MODES.items()} | {
    "carpooled": ("carpooled", "carpooled(2-6)", "carpooled (2-6)"),
    "vanpooled": ("vanpooled", "vanpooled(7+)", "vanpooled (7+)"),
}
# What else surveys have: ways that emit nothing, and what is said of a row. Any other column may be a way that does.
STILL = ("walked", "walk", "bicycled", "bicycle", "biked", "worked remotely", "worked from home", "worked at home")
ABOUT = ("role", "commute time", "commute time range", "replies", "total", "last update", "note", "notes")
OTHER_MODES = (
    {kind: spellings for kind, spellings in MODE_HEADERS.items() if kind != "drove_alone"}
    | {name: (name,) for name in STILL + ABOUT}
    | headers.ONLY
)
DROVE_ALONE = {"drove_alone": MODE_HEADERS["drove_alone"]}

BUILDING = {"new_construction": "new construction", "renovation": "renovation and renewal"}
UPKEEP = {"own_orders": "work orders within dof", "sales_orders": "sales work orders", "other": "dof ops costs"}
YEAR = {"fiscal_year": ("fiscal year",)}

FEEDS: Mapping[str, Feed] = {
    "travel": Feed(
        "3.06",
        {
            "amount": ("expense amount (reimbursement currency)", "expense amount"),
            "item": ("expense type",),
            "date": ("sent for payment date",),
            "cost_object": ("org unit 1 - code", "cost object"),
        },
        _expense,
        {"id": ("report entry id",), "currency": ("reimbursement currency", "currency")},
        identity=("id",),
    ),
    "goods": Feed(
        "3.01",
        {
            "id": ("sap invoice number",),
            "item": ("category level 3", "commodity level 3"),
            "date": ("invoice date",),
            "cost_object": ("cost object",),
            "amount": ("total",),
        },
        _invoice,
        {
            "invoice_line": ("invoice line",),
            "header_status": ("header status",),
            "order_status": ("po status",),
            "currency": ("currency",),
        },
        identity=("id", "invoice_line"),
    ),
    "food": Feed(
        "3.01",
        {"item": ("food category",), "date": ("order date",)}
        | {headers.ANY: ("total", *(spelling for spellings in WEIGHT_HEADERS.values() for spelling in spellings))},
        _food,
        {"amount": ("total",), "cost_object": ("cost object",), "id": ("order id",), "currency": ("currency",)}
        | WEIGHT_HEADERS,
        identity=("id", "item"),
    ),
    "construction": Feed(
        "3.02",
        YEAR | {kind: (kind.replace("_", " "), name) for kind, name in BUILDING.items()},
        _cost(1e6, BUILDING),
        {"currency": ("currency",)},
        kinds=BUILDING,
        identity=("fiscal_year", "item"),
    ),
    "maintenance": Feed(
        "3.02",
        YEAR | {kind: (name,) for kind, name in UPKEEP.items()} | {"other": ("dof ops costs outside of wos",)},
        _cost(1.0, UPKEEP),
        {"currency": ("currency",)},
        kinds=UPKEEP,
        identity=("fiscal_year", "item"),
    ),
    "commuting_bins": Feed(
        "3.07",
        DROVE_ALONE,
        _riders,
        OTHER_MODES | {"minutes": ("commute time (minutes)",), "hours": ("commute time average hours",)},
        kinds=MODES,
        identity=("fiscal_year", "weight", "item"),
    ),
    "commuting_minutes": Feed(
        "3.07",
        {"role": ("role",)} | DROVE_ALONE,
        _rider_minutes,
        OTHER_MODES,
        kinds=MODES,
        identity=("fiscal_year", "role", "item"),
    ),
    "commuting_counts": Feed(
        "3.07",
        {"item": ("mode",), "count": ("count",)},
        _count,
        {"share": ("share",), "miles": ("one-way miles",)},
        identity=("fiscal_year", "item"),
        whole="share",
    ),
    "energy": Feed(
        "1",
        {
            "building": ("building number",),
            "item": ("fuel", "level3_category"),
            "date": ("start date",),
            "quantity": ("number of units",),
            "unit": ("unit of measure",),
        },
        _bill,
        {
            "account": ("gl account key",),
            "stated": ("supplier kg co2e per kwh", "stated kg co2e per kwh"),
            "gwp_set": ("supplier gwp set", "gwp set"),
            "instrument": ("instrument",),
            "certificate": ("certificate id",),
            "total": ("bill quantity",),
            "cost_object": ("cost object",),
        },
        identity=("building", "account", "item", "activity_date"),
        fault=fault,
        beside=("weight", "gwp_set", "instrument", "part", "total"),
    ),
    "waste": Feed(
        "3.05",
        {"id": ("key",), "item": ("material",), "date": ("service date",), "tons": ("tons",)},
        _load_of_waste,
        identity=("id",),
    ),
    "manual": Feed(
        "",
        YEAR | {"item": ("category",), "tonnes": ("emission", "emission (t)"), "gwp_set": ("gwp set",)},
        _statement,
        identity=("fiscal_year", "item"),
    ),
}

"""forms -- what a person may ask of a run by hand, field by field, and what is refused before anything is done.

Airflow holds each field to its type when a run is made. What fields mean together, and whether there is such a system,
is for the first task to say.
"""

from datetime import date

from airflow.sdk import Param

DAY = {"type": ["null", "string"], "format": "date"}


def first_day(empty):
    """Ask for the first day; `empty` says what none means."""
    return Param(None, **DAY, title="First day", description=empty)


LAST_DAY = Param(None, **DAY, title="Last day", description="Itself included. Empty: the first day.")


def systems(empty):
    """Ask for a list of systems; `empty` says what none means."""
    return Param(
        None,
        type=["null", "array"],
        items={"type": "integer", "minimum": 1},
        title="Systems",
        description=f"PVDAQ system ids, such as [34, 1332]. Empty: {empty}.",
    )


def restate(what):
    """Ask whether to do unchanged things again; `what` says which."""
    return Param(False, type="boolean", title="Restate", description=what)


ACCEPT = Param(
    [],
    type="array",
    items={"type": "string"},
    title="Accept",
    description="Rules whose findings are recorded and stop nothing, as rule@edition; a failed check names them.",
)


def refuse_unknown_fields(run, form):
    """Refuse what the form does not have.

    Raises:
        LoadError: it has a field that the form does not know.
    """
    from jobs.errors import LoadError

    if unknown := sorted(set(run["params"]) - set(form)):
        raise LoadError(f"the form has no {', '.join(unknown)}; it has {', '.join(form)}")


def asked(run, form):
    """Tell the days that the form asks for, both included; none where it is empty.

    Raises:
        LoadError: it has a last day without a first, one before the first, or a field that the form does not know.
    """
    from jobs.errors import LoadError

    refuse_unknown_fields(run, form)
    first, last = run["params"]["first_day"], run["params"]["last_day"]
    if last and not first:
        raise LoadError(f"last_day is {last}, but first_day is empty; give both, or none")
    if not first:
        return None
    if (last or first) < first:
        raise LoadError(f"the window ends on {last}, before it starts on {first}")
    return date.fromisoformat(first), date.fromisoformat(last or first)


def days_of_systems(run, form):
    """Tell the days of a form of days and systems, both included; none and none for all. Refuse unknown systems."""
    from jobs.systems import refuse_unknown

    found = asked(run, form)
    refuse_unknown(run["params"]["systems"] or ())
    return found or (None, None)

"""columns -- what readers have been promised stays.

    python terraform/columns.py check             is every published column still in its contract?
    python terraform/columns.py record            publish the new columns of the contracts; never takes one out
    terraform show -json FILE | python terraform/columns.py plan     does a plan take anything from a table?

`columns.lock` lists the columns that were published. The contracts alone cannot say that a column is missing, and a
plan says it too late: a provider may take a column from a table in place, and its values with it. So `check` comes
before any plan, and `plan` looks at what only the live tables know, such as a column that a newer release has added.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
CONTRACTS = HERE.parent / "jobs" / "tables"
LOCK = HERE / "columns.lock"

TITLE = """\
# Published columns: what readers have been promised. `make columns` adds the new ones; a line is only taken out by
# hand, when the column's readers have agreed to lose it.
"""


def offered(contracts: Path = CONTRACTS) -> dict[str, dict[str, str]]:
    """Read what the contracts offer: by table and column, such as `INT64 REQUIRED`."""
    documents = {path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in contracts.glob("*.yaml")}
    return {
        table: {
            column["name"]: f"{column['physicalType']} {'REQUIRED' if column.get('required') else 'NULLABLE'}"
            for column in document["schema"][0]["properties"]
        }
        for table, document in sorted(documents.items())
    }


def broken(promised: dict, offers: dict) -> Iterator[str]:
    """Say which promises the contracts break, one sentence each."""
    for table, columns in promised.items():
        if table not in offers:
            yield f"{table} is published and has no contract any more."
            continue
        for column, was in columns.items():
            now = offers[table].get(column)
            if now is None:
                yield f"Column {table}.{column} is published and its contract no longer has it."
            elif now not in (was, was.replace("REQUIRED", "NULLABLE")):
                yield f"Column {table}.{column} is published as {was} and its contract says {now}."
        for column, now in offers[table].items():
            if column not in columns and now.endswith("REQUIRED"):
                yield f"Column {table}.{column} is new in a published table and required: the rows there have no value."


def unrecorded(promised: dict, offers: dict) -> Iterator[str]:
    """Say what the contracts offer beyond what the lock has."""
    for table, columns in offers.items():
        for column, now in columns.items():
            if promised.get(table, {}).get(column) != now:
                yield f"{table}.{column} is not in columns.lock as {now}: run make columns."


def taken(plan: dict) -> Iterator[str]:
    """Say which tables a plan (`terraform show -json`) deletes, makes anew, or takes columns from."""
    for change in plan.get("resource_changes", ()):
        if change["type"] not in ("google_bigquery_table", "google_bigquery_dataset"):
            continue
        before, after = change["change"]["before"], change["change"]["after"]
        if "delete" in change["change"]["actions"]:
            yield f"The plan deletes {change['address']} or makes it anew; its rows would be lost."
        elif before and before.get("schema"):
            # A schema that is known only after apply has new policy tags; the lock has held its columns already.
            kept = {field["name"] for field in json.loads(after.get("schema") or before["schema"])}
            lost = [field["name"] for field in json.loads(before["schema"]) if field["name"] not in kept]
            yield from (f"The plan takes column {column} from {change['address']}." for column in lost)


def main(command: str) -> int:
    """Run a command; 1 if something is refused, and a sentence says what."""
    promised = (yaml.safe_load(LOCK.read_text(encoding="utf-8")) or {}) if LOCK.exists() else {}
    if command == "plan":
        faults = list(taken(json.load(sys.stdin)))
    else:
        offers = offered()
        faults = list(broken(promised, offers))
        if command == "record" and not faults:
            lines = [TITLE, yaml.safe_dump({**promised, **offers}, sort_keys=False)]
            LOCK.write_text("\n".join(lines), encoding="utf-8")
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        print("Nothing was planned or applied.", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["record"], ["plan"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))

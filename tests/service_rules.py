"""service_rules -- what BigQuery refuses although its language allows it.

The analyser knows the language: names, types, reserved words, OPTIONS. It does not know the service's limits, what may
stand in a transaction, or which tables are read only with a filter on their partition. Those few rules are here, and
two of our own: INSERT names its columns, on both sides.
"""

from collections.abc import Iterator, Mapping

from sqlglot import exp, parse

from jobs import contract

MOST_CLUSTERED = 4
LONGEST = {"column": 1024, "table": 16384}
TRUNCATED = (exp.DateTrunc, exp.DatetimeTrunc, exp.TimestampTrunc, exp.Date)
COMPARED = (exp.EQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Between, exp.In)
FILTERED = (exp.Select, exp.Delete, exp.Update, exp.Merge)


def partitions() -> dict[str, str]:
    """Name the tables that are read only with a filter on their partition, and its column."""
    contracts = map(contract.load, contract.names())
    return {promised.table: promised.partition for promised in contracts if promised.requires_partition_filter}


def lint(script: str, filtered: Mapping[str, str] | None = None) -> list[str]:
    """List what BigQuery would refuse of a script that Google's analyser accepts.

    Args:
        script: GoogleSQL statements.
        filtered: tables that are read only with a filter, and its column; without it, those of the contracts. A view
            is filtered by whoever reads it, so for the query of a view there is none.
    """
    return list(_faults(script, partitions() if filtered is None else filtered))


def _faults(script: str, filtered: Mapping[str, str]) -> Iterator[str]:
    in_transaction = False
    for statement in parse(script, read="bigquery"):
        if isinstance(statement, exp.Command):
            yield f"not understood, so not held to any rule: {statement.sql('bigquery')}"
        elif isinstance(statement, exp.Transaction | exp.Commit | exp.Rollback):
            in_transaction = isinstance(statement, exp.Transaction)
        elif statement is not None:
            if in_transaction and isinstance(statement, exp.Create | exp.Drop | exp.Alter):
                yield f"a {statement.key.upper()} inside a transaction"
            yield from _definition(statement)
            yield from _insertion(statement)
            yield from _reading(statement, filtered)


def _definition(statement: exp.Expression) -> Iterator[str]:
    kinds = {column.name: column.kind for column in statement.find_all(exp.ColumnDef)}
    for partition in statement.find_all(exp.PartitionedByProperty):
        # Only a DATE says of itself how long its partitions are; which truncation fits which type, the analyser knows.
        is_date = kinds.get(partition.this.name, exp.DataType.build("UNKNOWN")).is_type("DATE")
        if not is_date and not isinstance(partition.this, TRUNCATED):
            yield f"PARTITION BY {partition.this.sql('bigquery')} is neither a DATE nor a truncated time"
    for cluster in statement.find_all(exp.ClusterProperty):
        if (many := len(cluster.expressions)) > MOST_CLUSTERED:
            yield f"{many} clustering columns, and {MOST_CLUSTERED} are the most"
    for key in statement.find_all(exp.PrimaryKey, exp.PrimaryKeyColumnConstraint, exp.Reference):
        if "NOT ENFORCED" not in key.args.get("options", ()):
            yield f"a key that is not NOT ENFORCED: {key.sql('bigquery')}"
    for option in statement.find_all(exp.Property):
        longest = LONGEST["column" if option.find_ancestor(exp.ColumnDef) else "table"]
        if option.name == "description" and (length := len(option.text("value"))) > longest:
            yield f"a description of {length} characters, and {longest} are the most: {option.text('value')[:40]}..."


def _insertion(statement: exp.Expression) -> Iterator[str]:
    for insert in statement.find_all(exp.Insert):
        if not isinstance(insert.this, exp.Schema | exp.Tuple):
            yield f"INSERT without its columns: {insert.sql('bigquery')[:60]}"
        if isinstance(insert.expression, exp.Query) and any(item.is_star for item in insert.expression.selects):
            yield f"INSERT of *: {insert.sql('bigquery')[:60]}"


def _reading(statement: exp.Expression, filtered: Mapping[str, str]) -> Iterator[str]:
    known = {name.lower(): name for name in contract.names()}
    for table in statement.find_all(exp.Table):
        if known.get(table.name.lower(), table.name) != table.name:
            yield f"{table.name} is named {known[table.name.lower()]}, and BigQuery minds the case"
        if table.name in filtered and not _is_filtered(table, filtered[table.name]):
            yield f"{table.name} is read without a literal filter on {filtered[table.name]}"


def _is_filtered(table: exp.Table, column: str) -> bool:
    """Tell whether the statement that reads a table bounds its partition by what is known before it runs."""
    reading = table.find_ancestor(*FILTERED)
    if reading is None:
        # It is made, or written to.
        return True
    predicates = [reading.args.get("where"), reading.args.get("on"), *reading.args.get("joins", ())]
    conditions = [node.args.get("on") if isinstance(node, exp.Join) else node for node in predicates if node]
    terms = [term for condition in conditions if condition for term in _terms(condition)]
    return any(isinstance(term, COMPARED) and _bounds(term, table.alias_or_name, column) for term in terms)


def _terms(condition: exp.Expression) -> list[exp.Expression]:
    if isinstance(condition, exp.Where | exp.Paren):
        return _terms(condition.this)
    return [*_terms(condition.left), *_terms(condition.right)] if isinstance(condition, exp.And) else [condition]


def _bounds(term: exp.Expression, table: str, column: str) -> bool:
    (*columns,) = term.find_all(exp.Column)
    ours = [found for found in columns if found.name == column and found.table in ("", table)]
    return bool(ours) and len(ours) == len(columns) and not term.find(exp.Query)

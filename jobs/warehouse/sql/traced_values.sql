-- What some rows of a table say in a column that leads to another table.
SELECT DISTINCT CAST({column} AS STRING) AS named
FROM {table}
WHERE {within} AND {column} IS NOT NULL

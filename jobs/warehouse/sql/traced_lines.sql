-- The rows of a table that some figures of another are the sum of.
SELECT *
FROM {table}
WHERE {within}
ORDER BY {key}

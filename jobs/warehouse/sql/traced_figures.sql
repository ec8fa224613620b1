-- What some rows of a table add up to.
SELECT {figures}
FROM {table}
WHERE {within}

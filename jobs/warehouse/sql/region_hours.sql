-- The hours of some regions.
SELECT {columns}
FROM {table}
WHERE {within}

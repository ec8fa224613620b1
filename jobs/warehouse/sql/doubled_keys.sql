-- Keys that stand in a table more than once.
SELECT COUNT(*) AS doubled
FROM (SELECT {key} FROM {table} WHERE {within} GROUP BY {key} HAVING COUNT(*) > 1)

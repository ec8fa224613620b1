-- What a table holds, counted.
SELECT COUNT(*) AS row_count, COUNT(DISTINCT object_id) AS objects
FROM {table}
WHERE {within}

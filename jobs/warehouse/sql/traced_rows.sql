-- Of which object versions, by which loads, some rows of a table are.
SELECT object_id, load_id, COUNT(*) AS row_count
FROM {table}
WHERE {within}
GROUP BY object_id, load_id

-- How many rows of some object versions are in the table, by part, as its contract counts them.
SELECT {part} AS part, {count} AS row_count
FROM {table}
WHERE {within}
  AND object_id IN (SELECT leaving FROM UNNEST(@leaving) AS leaving)
GROUP BY part

-- What a contract counts of each part that some object versions have in the table.
SELECT {part} AS part, {counts}
FROM {table}
WHERE {within}
  AND object_id IN (SELECT leaving FROM UNNEST(@leaving) AS leaving)
GROUP BY part

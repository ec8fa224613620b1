-- The rows that a foreign key leads to; of a history, those of now.
SELECT *
FROM {table}
WHERE CAST({column} AS STRING) IN (SELECT named FROM UNNEST(@named) AS named)
  AND {now}

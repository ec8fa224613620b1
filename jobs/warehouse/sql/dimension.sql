-- What a derived table is built from of a dimension, for some systems; of a history, what it says now.
SELECT {columns}
FROM {table}
WHERE ss_id IN (SELECT ss_id FROM UNNEST(@systems) AS ss_id)
  AND {now}

-- What of some loads is live, by the checkpoint.
SELECT load_id, COUNT(*) AS objects, SUM(rows_read) AS rows_read, SUM(rows_loaded) AS rows_loaded,
  SUM(rows_quarantined) AS rows_quarantined, SUM(rows_duplicate) AS rows_duplicate
FROM etl_checkpoint
WHERE table_name = @table_name AND retired_generation IS NULL
  AND load_id IN (SELECT load_id FROM UNNEST(@load_ids) AS load_id)
GROUP BY load_id
ORDER BY load_id

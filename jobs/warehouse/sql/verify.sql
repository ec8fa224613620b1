-- Object versions whose checkpoint and rows do not agree: rows without a live checkpoint, or another count.
SELECT IFNULL(checkpoint.object_id, held.object_id) AS object_id, checkpoint.object_key,
  IFNULL(checkpoint.rows_loaded, 0) AS promised, IFNULL(held.row_count, 0) AS held
FROM (
  SELECT object_id, object_key, load_id, rows_loaded
  FROM etl_checkpoint
  WHERE table_name = @table_name AND retired_generation IS NULL
) AS checkpoint
FULL OUTER JOIN (
  SELECT object_id, load_id, COUNT(*) AS row_count
  FROM {table}
  WHERE {within}
  GROUP BY object_id, load_id
) AS held
  ON held.object_id = checkpoint.object_id AND held.load_id = checkpoint.load_id
WHERE IFNULL(checkpoint.rows_loaded, 0) <> IFNULL(held.row_count, 0)
ORDER BY object_id

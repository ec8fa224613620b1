-- Object versions whose checkpoint and rows do not agree within some days: rows without a live checkpoint, or another
-- count. One that covers other days too is told in any case, for its rows are to be added up. Those that have been live
-- since before @after are passed over.
SELECT IFNULL(checkpoint.object_id, held.object_id) AS object_id, IFNULL(checkpoint.load_id, held.load_id) AS load_id,
  checkpoint.object_key, IFNULL(checkpoint.rows_loaded, 0) AS promised, IFNULL(held.row_count, 0) AS held
FROM (
  SELECT object_id, object_key, load_id, rows_loaded, published_at > @after AS is_asked,
    IFNULL(first_day >= @first_day AND last_day <= @last_day, FALSE) AS is_within
  FROM etl_checkpoint
  WHERE table_name = @table_name AND retired_generation IS NULL
    AND IFNULL(first_day, @first_day) <= @last_day AND IFNULL(last_day, @last_day) >= @first_day
) AS checkpoint
FULL OUTER JOIN (
  SELECT object_id, load_id, COUNT(*) AS row_count
  FROM {table}
  WHERE {within}
  GROUP BY object_id, load_id
) AS held
  ON held.object_id = checkpoint.object_id AND held.load_id = checkpoint.load_id
WHERE IFNULL(checkpoint.is_asked, TRUE)
  AND NOT (IFNULL(checkpoint.is_within, FALSE) AND checkpoint.rows_loaded = IFNULL(held.row_count, 0))
ORDER BY object_id

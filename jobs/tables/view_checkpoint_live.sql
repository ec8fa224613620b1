SELECT
  head.table_name,
  head.generation,
  head.changed_at,
  COUNT(live.object_id) AS objects,
  IFNULL(SUM(live.rows_loaded), 0) AS row_count,
  IFNULL(SUM(live.rows_quarantined), 0) AS quarantined,
  MIN(live.first_day) AS first_day,
  MAX(live.last_day) AS last_day
FROM `${dataset}.etl_head` AS head
LEFT JOIN (
  SELECT table_name, object_id, rows_loaded, rows_quarantined, first_day, last_day
  FROM `${dataset}.etl_checkpoint`
  WHERE retired_generation IS NULL
) AS live
  ON live.table_name = head.table_name
WHERE head.generation > 0
GROUP BY head.table_name, head.generation, head.changed_at

SELECT
  table_name,
  generation,
  load_id,
  MAX(published_at) AS published_at,
  MAX(contract_version) AS contract_version,
  MAX(transform_version) AS transform_version,
  COUNT(*) AS objects,
  COUNTIF(retired_generation IS NULL) AS objects_live,
  SUM(rows_read) AS rows_read,
  SUM(rows_loaded) AS rows_loaded,
  SUM(rows_quarantined) AS rows_quarantined,
  SUM(rows_duplicate) AS rows_duplicate,
  MIN(first_day) AS first_day,
  MAX(last_day) AS last_day
FROM `${dataset}.etl_checkpoint`
GROUP BY table_name, generation, load_id

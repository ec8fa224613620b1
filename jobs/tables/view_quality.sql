SELECT
  quality.table_name,
  quality.load_id,
  quality.planned_generation,
  quality.plan_id,
  MAX(quality.checked_at) AS checked_at,
  COUNTIF(quality.check_name <> 'quarantine') AS checks,
  COUNTIF(quality.severity = 'error' AND NOT quality.passed) AS errors,
  COUNTIF(quality.severity = 'warning' AND NOT quality.passed) AS warnings,
  COUNTIF(quality.check_name = 'quarantine') AS quarantined,
  LOGICAL_OR(live.load_id IS NOT NULL) AS is_published
FROM `${dataset}.etl_quality` AS quality
LEFT JOIN (
  SELECT DISTINCT table_name, load_id
  FROM `${dataset}.etl_checkpoint`
  WHERE retired_generation IS NULL
) AS live
  ON live.table_name = quality.table_name AND live.load_id = quality.load_id
GROUP BY quality.table_name, quality.load_id, quality.planned_generation, quality.plan_id

-- The steps that were run last, the newest at the end.
SELECT run_id, table_name, step, started_at, seconds, outcome, message
FROM (
  SELECT run_id, table_name, step, started_at, seconds, outcome, message
  FROM etl_run
  WHERE NOT @last_run OR run_id = (SELECT MAX_BY(run_id, started_at) FROM etl_run)
  ORDER BY started_at DESC
  LIMIT 20
)
ORDER BY started_at

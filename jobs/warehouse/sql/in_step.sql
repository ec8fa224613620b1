-- When each table was last found in step with what it is made of: the last plan of a run in which nothing was left to do,
-- or each load that was begun is published. A publish that people run by itself has no plan, and counts.
SELECT table_name, MAX(IFNULL(planned_at, held_at)) AS looked_at
FROM (
  SELECT table_name, run_id, planned_at, MAX(done_at) AS held_at, COUNTIF(done_at IS NULL) AS open_loads
  FROM (
    SELECT table_name, run_id, planned_at, load_id,
      MAX(IF(outcome = 'done' AND (step = 'publish' OR load_id IS NULL), started_at, NULL)) AS done_at
    FROM (
      SELECT table_name, run_id, load_id, step, outcome, started_at,
        MAX(IF(step = 'plan', started_at, NULL)) OVER (PARTITION BY table_name, run_id) AS planned_at
      FROM etl_run
      WHERE (step = 'plan' AND outcome = 'done') OR step IN ('stage', 'check', 'publish')
    ) AS ran
    WHERE started_at >= IFNULL(planned_at, started_at)
    GROUP BY table_name, run_id, planned_at, load_id
  ) AS load
  GROUP BY table_name, run_id, planned_at
) AS run
WHERE open_loads = 0
GROUP BY table_name

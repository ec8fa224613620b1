-- Per table: when it last changed, and when it was last found in step with what it is made of: the last plan of a run in
-- which nothing was left to do, or what there was to do was published.
SELECT IFNULL(head.table_name, looked.table_name) AS table_name, head.changed_at, looked.looked_at
FROM (SELECT table_name, changed_at FROM etl_head) AS head
FULL OUTER JOIN (
  SELECT table_name, MAX(IFNULL(planned_at, held_at)) AS looked_at
  FROM (
    SELECT table_name, run_id, MAX(IF(step = 'plan', started_at, NULL)) AS planned_at,
      MAX(IF(step = 'publish' OR (step = 'plan' AND load_id IS NULL), started_at, NULL)) AS held_at
    FROM etl_run
    WHERE outcome = 'done'
    GROUP BY table_name, run_id
  ) AS run
  WHERE held_at >= IFNULL(planned_at, held_at)
  GROUP BY table_name
) AS looked
  ON looked.table_name = head.table_name

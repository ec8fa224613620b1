-- How long the loads of a table have taken from stage to publish, for the size of what they brought in. A step that was
-- run again and found itself done does not count; loads that are smaller than @least are mostly the start of Spark.
SELECT IFNULL(SUM(seconds), 0) AS seconds, IFNULL(SUM(size), 0) AS size, COUNT(*) AS loads
FROM (
  SELECT load_id, SUM(seconds) AS seconds
  FROM (
    SELECT load_id, step, MAX(seconds) AS seconds
    FROM etl_run
    WHERE table_name = @table_name AND outcome = 'done' AND step IN ('stage', 'check', 'publish')
    GROUP BY load_id, step
  )
  GROUP BY load_id
  HAVING COUNT(*) = 3
)
JOIN (
  SELECT load_id, SUM(size_bytes) AS size
  FROM etl_checkpoint
  WHERE table_name = @table_name
  GROUP BY load_id
)
  USING (load_id)
WHERE size >= @least

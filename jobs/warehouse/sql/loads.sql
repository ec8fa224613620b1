-- The published loads of a table: how many of their objects are live and, where none is, by when the last had gone; that
-- is when something was next published, or else when the table last changed.
SELECT known.load_id, known.live_objects, IFNULL(MIN(later.published_at), MIN(head.changed_at)) AS gone_at
FROM (
  SELECT table_name, load_id, COUNTIF(retired_generation IS NULL) AS live_objects,
    MAX(retired_generation) AS gone_generation
  FROM etl_checkpoint
  WHERE table_name = @table_name
  GROUP BY table_name, load_id
) AS known
LEFT JOIN (
  SELECT table_name, generation, MIN(published_at) AS published_at
  FROM etl_checkpoint
  WHERE table_name = @table_name
  GROUP BY table_name, generation
) AS later
  ON later.table_name = known.table_name AND known.live_objects = 0 AND later.generation >= known.gone_generation
LEFT JOIN etl_head AS head
  ON head.table_name = known.table_name
GROUP BY known.load_id, known.live_objects

-- A table's generation, and in the same breath what a judgement of its objects needs: the versions that are live on the
-- days asked for (those whose key names no day always), and those that came or went after a generation.
SELECT head.generation AS head, known.object_id, known.bucket, known.object_key, known.etag, known.size_bytes,
  known.first_day, known.last_day, known.load_id, known.contract_version, known.transform_version, known.rows_loaded,
  known.generation, known.retired_generation
FROM etl_head AS head
LEFT JOIN (
  SELECT *
  FROM etl_checkpoint
  WHERE generation > @since
    OR retired_generation > @since
    OR (retired_generation IS NULL
      AND (first_day IS NULL OR (first_day <= @last_day AND last_day >= @first_day)))
) AS known
  ON known.table_name = head.table_name
WHERE head.table_name = @table_name

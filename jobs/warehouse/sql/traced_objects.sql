-- Live object versions of a table, with what is known of them.
SELECT object_id, bucket, object_key, etag, size_bytes, first_day, load_id, published_at
FROM etl_checkpoint
WHERE table_name = @table_name
  AND retired_generation IS NULL
  AND object_id IN (SELECT object_id FROM UNNEST(@object_ids) AS object_id)
ORDER BY first_day, object_key

-- The object versions that a table's rows come from, of the days asked for; objects whose key names no day always.
SELECT object_id, bucket, object_key, etag, size_bytes, first_day, last_day, load_id, contract_version,
  transform_version, rows_loaded, generation
FROM etl_checkpoint
WHERE table_name = @table_name
  AND retired_generation IS NULL
  AND (first_day IS NULL OR (first_day <= @last_day AND last_day >= @first_day))

-- One load, wholly or not at all. Relations: {staged} has the load's rows, {load_objects} its objects with their counts.

-- Take the head: compare, and swap. Asked before the swap, because a twin that publishes the same load leaves the very
-- row that a question afterwards would look for. Two that compare at once both update this row; one of them can commit.
SELECT IF(COUNT(*) = 1, 'free', ERROR('conflict: another publisher has changed the table'))
FROM etl_head
WHERE table_name = @table_name AND generation = @head;

UPDATE etl_head
SET generation = generation + 1, load_id = @load_id, changed_at = CURRENT_TIMESTAMP()
WHERE table_name = @table_name AND generation = @head;

{leave}

-- A key that another object has brought would double.
SELECT IF(COUNT(*) = 0, 'unique', ERROR(CONCAT('collision: the load has ', CAST(COUNT(*) AS STRING),
  ' rows whose key is in the table from another object, such as those of object_id ', MIN(incoming.object_id))))
FROM {staged} AS incoming
WHERE incoming.object_id IN (SELECT object_id FROM {load_objects})
  AND EXISTS (SELECT 1 FROM (SELECT {key} FROM {table} WHERE {within}) AS live WHERE {same_key});

INSERT INTO {table} ({columns})
SELECT {columns}
FROM {staged}
WHERE object_id IN (SELECT object_id FROM {load_objects});

SELECT IF(inserted = promised, 'complete', ERROR(CONCAT('inserted ', CAST(inserted AS STRING), ' rows, not ',
  CAST(promised AS STRING))))
FROM (
  SELECT COUNT(*) AS inserted
  FROM {table}
  WHERE {within} AND load_id = @load_id AND object_id IN (SELECT object_id FROM {load_objects})
)
CROSS JOIN (SELECT IFNULL(SUM(rows_loaded), 0) AS promised FROM {load_objects});

INSERT INTO etl_checkpoint (table_name, object_id, generation, retired_generation, load_id, contract_version,
  transform_version, bucket, object_key, etag, size_bytes, first_day, last_day, rows_read, rows_loaded,
  rows_quarantined, rows_duplicate, published_at)
SELECT @table_name, object_id, @head + 1, NULL, @load_id, @contract_version, @transform_version, bucket, object_key,
  etag, size_bytes, first_day, last_day, rows_read, rows_loaded, rows_quarantined, rows_duplicate, CURRENT_TIMESTAMP()
FROM {load_objects};

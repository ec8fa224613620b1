-- Say in the checkpoint that versions are replaced or retired.
UPDATE etl_checkpoint
SET retired_generation = @head + 1
WHERE table_name = @table_name
  AND retired_generation IS NULL
  AND object_id IN (SELECT retired FROM UNNEST(@retired) AS retired);

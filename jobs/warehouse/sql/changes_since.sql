-- What has come into or gone out of a table after a generation.
SELECT object_id, object_key, load_id, generation, retired_generation
FROM etl_checkpoint
WHERE table_name = @table_name
  AND (generation > @generation OR retired_generation > @generation)

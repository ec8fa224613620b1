-- Count a table's generation up, so that a publisher who has judged by the one before judges again.
UPDATE etl_head
SET generation = generation + 1
WHERE table_name = @table_name;

-- Give a table its head, once.
INSERT INTO etl_head (table_name, generation, load_id, changed_at)
SELECT @table_name, 0, NULL, NULL
FROM (SELECT COUNT(*) AS heads FROM etl_head WHERE table_name = @table_name)
WHERE heads = 0;

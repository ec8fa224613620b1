-- The current generation of a table.
SELECT generation FROM etl_head WHERE table_name = @table_name

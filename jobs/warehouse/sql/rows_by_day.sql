-- How many live rows a table has of each day, by the keys of their objects; null for objects whose keys name no day.
SELECT first_day, SUM(rows_loaded) AS row_count, SUM(size_bytes) AS size, COUNT(*) AS objects
FROM etl_checkpoint
WHERE table_name = @table_name AND retired_generation IS NULL
GROUP BY first_day

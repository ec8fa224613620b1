-- How many rows the tables have that a load reads for itself.
SELECT (SELECT COUNT(table_name) FROM etl_checkpoint) AS etl_checkpoint,
  (SELECT COUNT(table_name) FROM etl_quality) AS etl_quality

-- The days of what came into a table or went out of it after a time, and how many of these objects are live.
SELECT first_day, last_day, COUNTIF(retired_generation IS NULL) AS objects
FROM etl_checkpoint
WHERE table_name = @table_name
  AND (published_at > @after OR retired_generation > (
    SELECT IFNULL(MAX(generation), 0)
    FROM etl_checkpoint
    WHERE table_name = @table_name AND published_at <= @after
  ))
GROUP BY first_day, last_day

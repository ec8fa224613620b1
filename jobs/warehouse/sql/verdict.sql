-- How the checks of a load ended, for the plan that was made on a generation.
SELECT COUNTIF(check_name <> 'quarantine') AS checks, COUNTIF(severity = 'error' AND NOT passed) AS errors
FROM etl_quality
WHERE table_name = @table_name AND load_id = @load_id AND planned_generation = @planned_generation

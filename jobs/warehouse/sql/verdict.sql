-- How the checks of a load ended, for one plan of it.
SELECT COUNTIF(check_name <> 'quarantine') AS checks, COUNTIF(severity = 'error' AND NOT passed) AS errors
FROM etl_quality
WHERE table_name = @table_name AND load_id = @load_id AND plan_id = @plan_id

-- What the checks of a load found, in place of what an earlier check of the same plan or of an older generation found.
DELETE FROM etl_quality
WHERE table_name = @table_name AND load_id = @load_id
  AND (planned_generation < @planned_generation OR IFNULL(plan_id, '') IN ('', @plan_id));

INSERT INTO etl_quality (table_name, load_id, planned_generation, plan_id, check_name, severity, passed, observed, expected, message,
  object_id, object_key, line, column_name, raw_text, checked_at)
SELECT @table_name, @load_id, @planned_generation, @plan_id, check_name, severity, passed, observed, expected, message,
  object_id, object_key, line, column_name, raw_text, CURRENT_TIMESTAMP()
FROM {findings};

-- What the checks of a load found, in place of what an earlier check of it found.
DELETE FROM etl_quality WHERE table_name = @table_name AND load_id = @load_id;

INSERT INTO etl_quality (table_name, load_id, planned_generation, check_name, severity, passed, observed, expected, message, object_id,
  object_key, line, column_name, raw_text, checked_at)
SELECT @table_name, @load_id, @planned_generation, check_name, severity, passed, observed, expected, message, object_id, object_key, line,
  column_name, raw_text, CURRENT_TIMESTAMP()
FROM {findings};

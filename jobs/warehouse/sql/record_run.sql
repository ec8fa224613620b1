-- One step of one run.
INSERT INTO etl_run (run_id, table_name, step, load_id, started_at, seconds, outcome, message)
VALUES (@run_id, @table_name, @step, @load_id, @started_at, @seconds, @outcome, @message);

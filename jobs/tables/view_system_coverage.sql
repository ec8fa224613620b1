SELECT
  IFNULL(described.ss_id, held.ss_id) AS ss_id,
  described.system_name,
  described.ss_id IS NOT NULL AS is_described,
  IFNULL(described.is_catalogued, FALSE) AS is_catalogued,
  IFNULL(held.readings, 0) > 0 AS has_readings,
  IFNULL(held.objects, 0) AS objects,
  IFNULL(held.readings, 0) AS readings,
  held.first_day,
  held.last_day,
  described.first_reading_at,
  described.last_reading_at
FROM (
  SELECT ss_id, system_name, is_catalogued, first_reading_at, last_reading_at
  FROM `${dataset}.dim_system`
  -- A row that was there before the table had a history is one of now.
  WHERE IFNULL(is_current, TRUE)
) AS described
FULL OUTER JOIN (
  SELECT
    ss_id,
    COUNT(*) AS objects,
    SUM(rows_loaded) AS readings,
    MIN(first_day) AS first_day,
    MAX(last_day) AS last_day
  FROM (
    SELECT
      SAFE_CAST(IFNULL(
        REGEXP_EXTRACT(object_key, r'/system_id=([0-9]+)/'),
        REGEXP_EXTRACT(REPLACE(object_key, '/7333_5_min_OEDI/', '/7334_OEDI/'), r'/([0-9]+)_OEDI/')
      ) AS INT64) AS ss_id,
      rows_loaded,
      first_day,
      last_day
    FROM `${dataset}.etl_checkpoint`
    WHERE table_name = 'fact_pv_measurement' AND retired_generation IS NULL
  )
  WHERE ss_id IS NOT NULL
  GROUP BY ss_id
) AS held
  ON held.ss_id = described.ss_id

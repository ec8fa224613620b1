WITH power AS (
  SELECT
    ss_id,
    sensor,
    CAST(timestamp AS DATE) AS day,
    GREATEST(value, 0) AS power_w,
    DATETIME_DIFF(
      LEAD(timestamp) OVER (PARTITION BY ss_id, sensor, CAST(timestamp AS DATE) ORDER BY timestamp),
      timestamp,
      MICROSECOND
    ) AS gap_us
  FROM `${dataset}.fact_pv_measurement`
  -- The table asks for a bound on its partition; no reading is older.
  WHERE timestamp >= DATETIME '1900-01-01 00:00:00'
    AND quantity = 'ac_power'
    AND units = 'W'
    -- Sentinels (1), what cannot be (2), stale (4), outliers (8) and doubtful units (256) are no power of the plant.
    AND (quality & 271) = 0
),
gaps AS (
  SELECT ss_id, sensor, day, gap_us, COUNT(*) AS times
  FROM power
  WHERE gap_us IS NOT NULL
  GROUP BY ss_id, sensor, day, gap_us
),
-- Loggers jitter and stop; the most frequent gap is their step, the shorter where two are as frequent.
steps AS (
  SELECT ss_id, sensor, day, gap_us
  FROM gaps
  WHERE TRUE
  QUALIFY ROW_NUMBER() OVER (PARTITION BY ss_id, sensor, day ORDER BY times DESC, gap_us) = 1
),
days AS (
  SELECT ss_id, sensor, day, SUM(power_w) AS power_sum_w, MAX(power_w) AS peak_power_w, COUNT(*) AS readings
  FROM power
  GROUP BY ss_id, sensor, day
)
SELECT
  days.ss_id,
  days.day,
  days.sensor,
  COUNT(*) OVER (PARTITION BY days.ss_id, days.day) AS channels,
  SAFE_DIVIDE(days.power_sum_w * steps.gap_us, 3.6e12) AS energy_kwh,
  days.peak_power_w,
  SAFE_DIVIDE(steps.gap_us, 1e6) AS step_s,
  days.readings,
  SAFE_DIVIDE(days.readings * steps.gap_us, 8.64e10) AS coverage
FROM days
LEFT JOIN steps
  ON steps.ss_id = days.ss_id AND steps.sensor = days.sensor AND steps.day = days.day

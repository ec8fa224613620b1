WITH hours AS (
  SELECT
    facility_id,
    state,
    CAST(hour_start_local AS DATE) AS day,
    unit_id,
    gross_generation_mwh,
    heat_input_mmbtu,
    co2_kg,
    so2_kg,
    nox_kg,
    -- A ratio of sums needs both of each row: a unit that need not report its CO2 would else make the others clean.
    IF(co2_kg IS NULL, NULL, gross_generation_mwh) AS rated_mwh,
    IF(gross_generation_mwh IS NULL, NULL, co2_kg) AS rated_co2_kg
  FROM `${dataset}.fact_unit_emissions_hourly`
  -- The table asks for a bound on its partition; no hour is older.
  WHERE hour_start_local >= DATETIME '1990-01-01 00:00:00'
)
SELECT
  facility_id,
  day,
  state,
  COUNT(DISTINCT unit_id) AS units,
  SUM(gross_generation_mwh) AS gross_generation_mwh,
  SUM(heat_input_mmbtu) AS heat_input_mmbtu,
  SUM(co2_kg) AS co2_kg,
  SUM(so2_kg) AS so2_kg,
  SUM(nox_kg) AS nox_kg,
  SAFE_DIVIDE(SUM(rated_co2_kg), SUM(rated_mwh)) AS co2_kg_per_mwh,
  SAFE_DIVIDE(SUM(rated_co2_kg), SUM(rated_mwh) * 0.45359237) AS co2_lb_per_mwh,
  SAFE_DIVIDE(IFNULL(SUM(rated_mwh), 0), SUM(gross_generation_mwh)) AS coverage
FROM hours
GROUP BY facility_id, day, state

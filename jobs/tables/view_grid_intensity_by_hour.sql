SELECT
  region_scheme,
  region,
  source,
  basis,
  data_year,
  EXTRACT(MONTH FROM hour_start_local) AS month,
  EXTRACT(HOUR FROM hour_start_local) AS hour_of_day,
  COUNT(*) AS hours,
  COUNT(co2_kg_per_mwh) AS hours_with_co2,
  -- Where the energy is known the mean is the quotient of sums, and else that of the hours.
  IF(
    COUNT(generation_mwh) = 0,
    AVG(co2_kg_per_mwh),
    SAFE_DIVIDE(
      SUM(co2_kg_per_mwh * generation_mwh),
      SUM(IF(co2_kg_per_mwh IS NULL, NULL, generation_mwh))
    )
  ) AS co2_kg_per_mwh,
  MIN(co2_kg_per_mwh) AS co2_minimum_kg_per_mwh,
  MAX(co2_kg_per_mwh) AS co2_maximum_kg_per_mwh,
  AVG(co2e_kg_per_mwh) AS co2e_kg_per_mwh,
  MAX(gwp_set) AS gwp_set,
  SUM(generation_mwh) AS generation_mwh,
  AVG(coverage) AS coverage
FROM `${dataset}.fact_grid_intensity_hourly`
-- No hour is older.
WHERE hour_start_utc >= TIMESTAMP '1990-01-01 00:00:00'
GROUP BY region_scheme, region, source, basis, data_year, month, hour_of_day

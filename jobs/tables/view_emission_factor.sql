SELECT
  *,
  LEAD(edition) OVER later AS superseded_by,
  LEAD(published_on) OVER later AS superseded_on,
  LAG(edition) OVER later AS supersedes,
  value - LAG(value) OVER later AS drift,
  100 * SAFE_DIVIDE(value - LAG(value) OVER later, LAG(value) OVER later) AS drift_percent
FROM `${dataset}.dim_emission_factor`
WINDOW later AS (
  PARTITION BY source, basis, data_year, region_scheme, region, activity, variant, gas, gwp_set, unit, dollar_year
  ORDER BY published_on, edition
)

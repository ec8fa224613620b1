SELECT
  *,
  LEAD(edition) OVER later AS superseded_by,
  LEAD(published_on) OVER later AS superseded_on,
  LAG(edition) OVER later AS supersedes,
  -- CO2e of two sets of potentials cannot be compared; the newer one supersedes the older all the same.
  IF(gwp_set IS DISTINCT FROM LAG(gwp_set) OVER later, NULL, value - LAG(value) OVER later) AS drift,
  IF(
    gwp_set IS DISTINCT FROM LAG(gwp_set) OVER later,
    NULL,
    100 * SAFE_DIVIDE(value - LAG(value) OVER later, LAG(value) OVER later)
  ) AS drift_percent,
  -- A newer edition that lacks a factor or renames it supersedes none, and is newer all the same.
  RANK() OVER (
    PARTITION BY source, IF(source = 'food', REGEXP_REPLACE(edition, r'\.[0-9]{1,3}$', ''), NULL), basis, data_year
    ORDER BY published_on DESC, edition DESC
  ) = 1 AS is_in_newest_edition
FROM `${dataset}.dim_emission_factor`
WINDOW later AS (
  PARTITION BY
    source, IF(source = 'food', REGEXP_REPLACE(edition, r'\.[0-9]{1,3}$', ''), NULL), basis, data_year, region_scheme,
    region, activity, variant, gas, unit, dollar_year
  ORDER BY published_on, edition
)

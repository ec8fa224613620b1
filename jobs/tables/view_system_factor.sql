WITH editions AS (
  SELECT
    CASE
      WHEN source = 'avert' AND basis = 'marginal' AND variant = 'Distributed PV' THEN 'avert_annual_dpv'
      WHEN source = 'ef_hub' AND basis = 'nonbaseload' THEN 'egrid_nonbaseload'
      WHEN source = 'egrid' AND basis = 'total_output' THEN 'egrid_total_output'
    END AS method,
    region_scheme,
    region,
    data_year,
    edition,
    published_on,
    MAX(IF(gas = 'CO2', factor_id, NULL)) AS factor_id,
    MAX(IF(gas = 'CO2', value, NULL)) AS co2_kg_per_mwh,
    MAX(IF(gas = 'CH4', value, NULL)) AS ch4_kg_per_mwh,
    MAX(IF(gas = 'N2O', value, NULL)) AS n2o_kg_per_mwh,
    MAX(IF(gas = 'NOx', value, NULL)) AS nox_kg_per_mwh,
    MAX(IF(gas = 'SO2', value, NULL)) AS so2_kg_per_mwh
  FROM `${dataset}.dim_emission_factor`
  WHERE activity = 'electricity' AND unit = 'kg/MWh' AND data_year IS NOT NULL
  GROUP BY method, region_scheme, region, data_year, edition, published_on
),
compared AS (
  SELECT
    *,
    -- A region that the newest edition has dropped has no factor of that year; the older edition's does not come back.
    RANK() OVER (PARTITION BY method, data_year ORDER BY published_on DESC, edition DESC) = 1 AS is_newest,
    co2_kg_per_mwh IS DISTINCT FROM LAG(co2_kg_per_mwh) OVER of_region
      OR ch4_kg_per_mwh IS DISTINCT FROM LAG(ch4_kg_per_mwh) OVER of_region
      OR n2o_kg_per_mwh IS DISTINCT FROM LAG(n2o_kg_per_mwh) OVER of_region
      OR nox_kg_per_mwh IS DISTINCT FROM LAG(nox_kg_per_mwh) OVER of_region
      OR so2_kg_per_mwh IS DISTINCT FROM LAG(so2_kg_per_mwh) OVER of_region AS says_otherwise
  FROM editions
  WHERE method IS NOT NULL AND factor_id IS NOT NULL
  WINDOW of_region AS (PARTITION BY method, region_scheme, region, data_year ORDER BY published_on, edition)
),
runs AS (
  SELECT *, COUNTIF(says_otherwise) OVER of_region AS run
  FROM compared
  WINDOW of_region AS (PARTITION BY method, region_scheme, region, data_year ORDER BY published_on, edition)
),
-- What an edition repeats is the earlier edition's, so that nothing is restated that has not changed.
current_rates AS (
  SELECT *
  FROM runs
  WHERE TRUE
  QUALIFY LOGICAL_OR(is_newest) OVER (PARTITION BY method, region_scheme, region, data_year, run)
    AND ROW_NUMBER() OVER (
      PARTITION BY method, region_scheme, region, data_year, run
      ORDER BY published_on, edition
    ) = 1
),
-- A year without data takes the nearest year of data, and of two that are as near the earlier.
held AS (
  SELECT
    *,
    CAST(FLOOR((LAG(data_year) OVER years + data_year) / 2) AS INT64) + 1 AS first_year,
    CAST(FLOOR((data_year + LEAD(data_year) OVER years) / 2) AS INT64) AS last_year
  FROM current_rates
  WINDOW years AS (PARTITION BY method, region_scheme, region ORDER BY data_year)
),
-- Before polygons of control areas have landed, these subregions tell the authority: they are what one balances. A place
-- in several areas, or near to several, is under none that is known, whatever its subregion.
assumed AS (
  SELECT
    ss_id,
    CASE
      WHEN balancing_authority IS NOT NULL OR control_area_edition IS NOT NULL THEN NULL
      WHEN egrid_subregion = 'ERCT' THEN 'ERCO'
      WHEN egrid_subregion = 'NEWE' THEN 'ISNE'
      WHEN egrid_subregion IN ('NYCW', 'NYLI', 'NYUP') THEN 'NYIS'
    END AS authority
  FROM `${dataset}.dim_system_region`
),
wanted AS (
  SELECT ss_id, 'avert_annual_dpv' AS method, 'avert_region' AS region_scheme, avert_region AS region, avert_method AS region_basis
  FROM `${dataset}.dim_system_region`
  UNION ALL
  SELECT ss_id, 'egrid_nonbaseload' AS method, 'egrid_subregion' AS region_scheme, egrid_subregion AS region, egrid_method AS region_basis
  FROM `${dataset}.dim_system_region`
  UNION ALL
  SELECT ss_id, 'egrid_total_output' AS method, 'egrid_subregion' AS region_scheme, egrid_subregion AS region, egrid_method AS region_basis
  FROM `${dataset}.dim_system_region`
  UNION ALL
  SELECT
    placed.ss_id,
    'oge_consumed_hourly' AS method,
    'balancing_authority' AS region_scheme,
    IFNULL(placed.balancing_authority, assumed.authority) AS region,
    IF(assumed.authority IS NULL, placed.balancing_authority_method, 'subregion') AS region_basis
  FROM `${dataset}.dim_system_region` AS placed
  JOIN assumed ON assumed.ss_id = placed.ss_id
  UNION ALL
  SELECT ss_id, 'cems_fossil_hourly' AS method, 'us_state' AS region_scheme, us_state AS region, us_state_method AS region_basis
  FROM `${dataset}.dim_system_region`
)
SELECT
  wanted.ss_id,
  wanted.method,
  wanted.region_scheme,
  wanted.region,
  wanted.region_basis,
  held.factor_id,
  held.edition,
  held.published_on,
  held.data_year,
  held.co2_kg_per_mwh,
  held.ch4_kg_per_mwh,
  held.n2o_kg_per_mwh,
  held.nox_kg_per_mwh,
  held.so2_kg_per_mwh,
  CASE
    WHEN wanted.region IS NULL THEN 'the region of the system is not known'
    -- Of the methods by the hour each hour has a factor of its own, or none.
    WHEN held.factor_id IS NULL AND NOT ENDS_WITH(wanted.method, '_hourly') THEN 'the region has no factor'
  END AS reason,
  DATE(held.first_year, 1, 1) AS holds_from,
  DATE(held.last_year, 12, 31) AS holds_to
FROM wanted
LEFT JOIN held
  ON held.method = wanted.method AND held.region_scheme = wanted.region_scheme AND held.region = wanted.region

WITH sets AS (
  SELECT fiscal_year, STRING_AGG(DISTINCT gwp_set, ', ' ORDER BY gwp_set) AS gwp_sets
  FROM `${dataset}.fact_emissions_inventory`
  CROSS JOIN UNNEST(SPLIT(gwp_sets, ', ')) AS gwp_set
  WHERE superseded_on IS NULL
  GROUP BY fiscal_year
)
SELECT
  fiscal_year,
  SUM(IF(scope = 1, co2e_t, NULL)) AS scope1_t,
  SUM(IF(scope2_method = 'location', co2e_t, NULL)) AS scope2_location_t,
  SUM(IF(scope2_method = 'market', co2e_t, NULL)) AS scope2_market_t,
  MAX(IF(scope2_method = 'market', market_bases, NULL)) AS scope2_market_bases,
  SUM(IF(scope = 3, co2e_t, NULL)) AS scope3_t,
  SUM(IF(scope2_method <> 'market', co2e_t, NULL)) AS total_location_t,
  SUM(IF(scope2_method <> 'location', co2e_t, NULL)) AS total_market_t,
  LOGICAL_AND(is_complete) AS is_complete,
  STRING_AGG(CONCAT(category_id, ': ', incomplete_because), '; ' ORDER BY category_id) AS incomplete_because,
  ANY_VALUE(sets.gwp_sets) AS gwp_sets
FROM `${dataset}.fact_emissions_inventory`
LEFT JOIN sets USING (fiscal_year)
WHERE superseded_on IS NULL
GROUP BY fiscal_year

SELECT
  fiscal_year,
  SUM(IF(scope = 1, co2e_t, NULL)) AS scope1_t,
  SUM(IF(scope2_method = 'location', co2e_t, NULL)) AS scope2_location_t,
  SUM(IF(scope2_method = 'market', co2e_t, NULL)) AS scope2_market_t,
  SUM(IF(scope = 3, co2e_t, NULL)) AS scope3_t,
  SUM(IF(scope2_method <> 'market', co2e_t, NULL)) AS total_location_t,
  SUM(IF(scope2_method <> 'location', co2e_t, NULL)) AS total_market_t,
  LOGICAL_AND(is_complete) AS is_complete,
  STRING_AGG(CONCAT(category_id, ': ', incomplete_because), '; ' ORDER BY category_id) AS incomplete_because
FROM `${dataset}.fact_emissions_inventory`
WHERE superseded_on IS NULL
GROUP BY fiscal_year

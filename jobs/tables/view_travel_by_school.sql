WITH units AS (
  SELECT fiscal_year, cost_object, department_id, department, school_area, head_count, area_m2
  FROM `${dataset}.dim_org_unit`
  WHERE TRUE
  QUALIFY RANK() OVER (PARTITION BY fiscal_year ORDER BY published_on DESC, edition DESC) = 1
)
SELECT
  travel.fiscal_year,
  units.school_area,
  travel.expense_group,
  COUNT(DISTINCT travel.line_id) AS line_count,
  SUM(travel.amount_usd) AS amount_usd,
  SUM(travel.co2e_kg) / 1000 AS co2e_t,
  100 * SAFE_DIVIDE(
    SUM(IF(travel.mapping_status IN ('mapped', 'excluded'), travel.amount_usd, 0)),
    SUM(travel.amount_usd)
  ) AS mapped_percent
FROM `${dataset}.fact_activity_emissions` AS travel
LEFT JOIN units ON units.fiscal_year = travel.fiscal_year AND units.cost_object = travel.cost_object
WHERE travel.known_to IS NULL AND travel.feed = 'travel'
GROUP BY travel.fiscal_year, units.school_area, travel.expense_group

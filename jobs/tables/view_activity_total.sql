SELECT
  fiscal_year,
  category_id,
  feed,
  known_from,
  known_to,
  COUNT(DISTINCT line_id) AS line_count,
  SUM(co2e_kg) AS co2e_kg
FROM `${dataset}.fact_activity_emissions`
WHERE mapping_status <> 'excluded'
GROUP BY fiscal_year, category_id, feed, known_from, known_to

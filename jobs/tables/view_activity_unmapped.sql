SELECT
  feed,
  fiscal_year,
  item,
  mapping_status,
  COUNT(DISTINCT line_id) AS line_count,
  SUM(amount_usd) AS amount_usd
FROM `${dataset}.fact_activity_emissions`
WHERE known_to IS NULL AND mapping_status IN ('unmapped', 'no_price_index')
GROUP BY feed, fiscal_year, item, mapping_status

SELECT
  later.known_from AS restated_on,
  later.feed,
  later.fiscal_year,
  later.category_id,
  CASE
    WHEN before.edition <> later.edition THEN 'file'
    WHEN before.factor_id <> later.factor_id THEN 'factor'
    WHEN before.price_index_edition <> later.price_index_edition THEN 'price index'
    WHEN before.assumption_version <> later.assumption_version THEN 'assumption'
    ELSE 'mapping'
  END AS because,
  later.assumption_version,
  COUNT(*) AS row_count,
  SUM(before.co2e_kg) AS co2e_before_kg,
  SUM(later.co2e_kg) AS co2e_after_kg
FROM `${dataset}.fact_activity_emissions` AS later
JOIN `${dataset}.fact_activity_emissions` AS before
  ON before.line_id = later.line_id AND before.category_id = later.category_id
  AND before.activity = later.activity AND before.known_to = later.known_from
WHERE IFNULL(before.co2e_kg, -1) <> IFNULL(later.co2e_kg, -1)
GROUP BY restated_on, later.feed, later.fiscal_year, later.category_id, because, later.assumption_version

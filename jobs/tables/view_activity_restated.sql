WITH sides AS (
  SELECT
    known_to AS restated_on, FALSE AS is_after, line_id, category_id, fiscal_year, feed, edition, co2e_kg, factor_id, price_index_edition,
    assumption_version, mapping_version
  FROM `${dataset}.fact_activity_emissions`
  WHERE known_to IS NOT NULL
  UNION ALL
  SELECT
    known_from AS restated_on, TRUE AS is_after, line_id, category_id, fiscal_year, feed, edition, co2e_kg, factor_id, price_index_edition,
    assumption_version, mapping_version
  FROM `${dataset}.fact_activity_emissions`
),
lines AS (
  SELECT
    restated_on,
    feed,
    REGEXP_REPLACE(edition, r'\.[0-9]{1,3}$', '') AS batch,
    fiscal_year,
    category_id,
    line_id,
    -- To the milligram: parts that are added up in another order are no restatement.
    ROUND(SUM(IF(is_after, NULL, co2e_kg)), 6) AS co2e_before_kg,
    ROUND(SUM(IF(is_after, co2e_kg, NULL)), 6) AS co2e_after_kg,
    MAX(IF(is_after, NULL, edition)) AS edition_before,
    MAX(IF(is_after, edition, NULL)) AS edition_after,
    MAX(IF(is_after, NULL, mapping_version)) AS mapping_before,
    MAX(IF(is_after, mapping_version, NULL)) AS mapping_after,
    STRING_AGG(IF(is_after, NULL, factor_id), ' ' ORDER BY factor_id) AS factors_before,
    STRING_AGG(IF(is_after, factor_id, NULL), ' ' ORDER BY factor_id) AS factors_after,
    MAX(IF(is_after, NULL, price_index_edition)) AS prices_before,
    MAX(IF(is_after, price_index_edition, NULL)) AS prices_after,
    MAX(IF(is_after, assumption_version, NULL)) AS assumption_version
  FROM sides
  GROUP BY restated_on, feed, batch, fiscal_year, category_id, line_id
),
files AS (
  SELECT
    *,
    MAX(edition_before) OVER (PARTITION BY restated_on, line_id) AS file_before,
    MAX(edition_after) OVER (PARTITION BY restated_on, line_id) AS file_after,
    MAX(edition_before) OVER (PARTITION BY restated_on, feed, batch) AS batch_before
  FROM lines
)
SELECT
  restated_on,
  feed,
  fiscal_year,
  category_id,
  CASE
    WHEN file_before IS DISTINCT FROM file_after THEN 'file'
    WHEN mapping_before IS DISTINCT FROM mapping_after THEN 'mapping'
    WHEN factors_before IS DISTINCT FROM factors_after THEN 'factor'
    WHEN prices_before IS DISTINCT FROM prices_after THEN 'price index'
    ELSE 'assumption'
  END AS because,
  assumption_version,
  COUNT(*) AS row_count,
  ROUND(SUM(co2e_before_kg), 6) AS co2e_before_kg,
  ROUND(SUM(co2e_after_kg), 6) AS co2e_after_kg
FROM files
WHERE batch_before IS NOT NULL AND co2e_before_kg IS DISTINCT FROM co2e_after_kg
GROUP BY restated_on, feed, fiscal_year, category_id, because, assumption_version

WITH units AS (
  SELECT fiscal_year, cost_object, department_id, department, school_area, head_count, area_m2
  FROM `${dataset}.dim_org_unit`
  WHERE TRUE
  QUALIFY RANK() OVER (PARTITION BY fiscal_year ORDER BY published_on DESC, edition DESC) = 1
),
departments AS (
  SELECT
    fiscal_year,
    department_id,
    ANY_VALUE(department) AS department,
    ANY_VALUE(school_area) AS school_area,
    SUM(area_m2) AS area_m2,
    SUM(head_count) AS head_count
  FROM units
  GROUP BY fiscal_year, department_id
),
known AS (
  SELECT fiscal_year, COUNTIF(area_m2 IS NULL) = 0 AS has_areas, COUNTIF(head_count IS NULL) = 0 AS has_head_counts
  FROM units
  GROUP BY fiscal_year
),
shares AS (
  SELECT fiscal_year, department_id, department, school_area, 'area' AS allocated_by, area_m2 AS part
  FROM departments
  JOIN known USING (fiscal_year)
  WHERE has_areas AND area_m2 > 0
  UNION ALL
  SELECT fiscal_year, department_id, department, school_area, 'head_count' AS allocated_by, head_count AS part
  FROM departments
  JOIN known USING (fiscal_year)
  WHERE has_head_counts AND head_count > 0
),
figures AS (
  SELECT fiscal_year, category_id, allocated_by, feeds, co2e_t
  FROM `${dataset}.fact_emissions_inventory`
  WHERE superseded_on IS NULL AND co2e_t IS NOT NULL
)
SELECT
  figures.fiscal_year,
  figures.category_id,
  shares.department_id,
  shares.department,
  shares.school_area,
  figures.allocated_by,
  figures.co2e_t * IFNULL(
    SAFE_DIVIDE(shares.part, SUM(shares.part) OVER (PARTITION BY figures.fiscal_year, figures.category_id)), 1
  ) AS co2e_t
FROM figures
LEFT JOIN shares ON shares.fiscal_year = figures.fiscal_year AND shares.allocated_by = figures.allocated_by
WHERE figures.allocated_by <> 'cost_object'
UNION ALL
SELECT
  figures.fiscal_year,
  figures.category_id,
  units.department_id,
  units.department,
  units.school_area,
  figures.allocated_by,
  SUM(lines.co2e_kg) / 1000 AS co2e_t
FROM figures
JOIN `${dataset}.fact_activity_emissions` AS lines
  ON lines.fiscal_year = figures.fiscal_year AND lines.category_id = figures.category_id
  AND STRPOS(CONCAT(', ', figures.feeds, ', '), CONCAT(', ', lines.feed, ', ')) > 0
LEFT JOIN units ON units.fiscal_year = lines.fiscal_year AND units.cost_object = lines.cost_object
WHERE figures.allocated_by = 'cost_object' AND lines.known_to IS NULL AND lines.co2e_kg IS NOT NULL
GROUP BY
  figures.fiscal_year, figures.category_id, units.department_id, units.department, units.school_area,
  figures.allocated_by

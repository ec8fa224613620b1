SELECT '1' AS category_id, 1 AS scope, CAST(NULL AS INT64) AS scope3_number, 'Direct emissions' AS name, 'none' AS scope2_method, TRUE AS is_in_inventory, 'area' AS allocated_by
UNION ALL
SELECT '2_location', 2, CAST(NULL AS INT64), 'Purchased electricity, steam, heat and cooling, location-based', 'location', TRUE, 'area'
UNION ALL
SELECT '2_market', 2, CAST(NULL AS INT64), 'Purchased electricity, steam, heat and cooling, market-based', 'market', TRUE, 'area'
UNION ALL
SELECT '3.01', 3, 1, 'Purchased goods and services', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.02', 3, 2, 'Capital goods', 'none', TRUE, 'head_count'
UNION ALL
SELECT '3.03', 3, 3, 'Fuel- and energy-related activities not in scope 1 or 2', 'none', TRUE, 'area'
UNION ALL
SELECT '3.04', 3, 4, 'Upstream transportation and distribution', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.05', 3, 5, 'Waste generated in operations', 'none', TRUE, 'head_count'
UNION ALL
SELECT '3.06', 3, 6, 'Business travel', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.07', 3, 7, 'Employee commuting', 'none', TRUE, 'head_count'
UNION ALL
SELECT '3.08', 3, 8, 'Upstream leased assets', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.09', 3, 9, 'Downstream transportation and distribution', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.10', 3, 10, 'Processing of sold products', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.11', 3, 11, 'Use of sold products', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.12', 3, 12, 'End-of-life treatment of sold products', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.13', 3, 13, 'Downstream leased assets', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.14', 3, 14, 'Franchises', 'none', TRUE, 'cost_object'
UNION ALL
SELECT '3.15', 3, 15, 'Investments', 'none', TRUE, 'cost_object'
UNION ALL
SELECT 'biogenic', CAST(NULL AS INT64), CAST(NULL AS INT64), 'Biogenic carbon dioxide, reported beside the scopes', 'none', FALSE, CAST(NULL AS STRING)
UNION ALL
SELECT 'avoided', CAST(NULL AS INT64), CAST(NULL AS INT64), 'Avoided emissions, never netted from the inventory', 'none', FALSE, CAST(NULL AS STRING)

-- Keys that stand in a table more than once, and how many rows there are.
SELECT COUNTIF(copies > 1) AS doubled, IFNULL(SUM(copies), 0) AS row_count
FROM (SELECT {key}, COUNT(*) AS copies FROM {table} WHERE {within} GROUP BY {key})

-- How many rows a table has of each month; reads its partition column and no other.
SELECT month_start, COUNT(*) AS row_count
FROM (SELECT DATE_TRUNC(CAST({partition} AS DATE), MONTH) AS month_start FROM {table} WHERE {within})
GROUP BY month_start
ORDER BY month_start

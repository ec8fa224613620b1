-- What the hours of each day of some regions say, as a digest.
SELECT region_scheme, region, EXTRACT(DATE FROM hour_start_utc) AS day,
  TO_HEX(MD5(STRING_AGG(said, '\n' ORDER BY said))) AS digest
FROM (
  SELECT region_scheme, region, hour_start_utc, CONCAT({text}) AS said
  FROM {table}
  WHERE {within}
)
GROUP BY region_scheme, region, day

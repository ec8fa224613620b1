SELECT
  series_id,
  year,
  period,
  month,
  is_annual,
  value,
  months_present,
  edition,
  published_on
FROM `${dataset}.dim_price_index`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY series_id, year, period ORDER BY published_on DESC, edition DESC) = 1

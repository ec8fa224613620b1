-- Of rows that name a factor by system and method: where another factor holds by now, by the two factors.
SELECT live.method, now.region, live.factor_id AS old_factor, now.factor_id AS new_factor, old.value AS old_kg_per_mwh,
  now.co2_kg_per_mwh AS new_kg_per_mwh, COUNT(DISTINCT live.ss_id) AS systems,
  COUNT(DISTINCT EXTRACT(DATE FROM live.hour_start_utc)) AS days,
  MIN(EXTRACT(DATE FROM live.hour_start_utc)) AS first_day, MAX(EXTRACT(DATE FROM live.hour_start_utc)) AS last_day,
  COUNT(*) AS row_count, SUM(live.energy_kwh) AS energy_kwh, SUM(live.co2_kg) AS old_kg,
  SUM(live.energy_kwh / 1000 * now.co2_kg_per_mwh) AS new_kg
FROM (
  SELECT ss_id, method, hour_start_utc, factor_id, energy_kwh, co2_kg
  FROM {table}
  WHERE {within}
) AS live
JOIN view_system_factor AS now
  ON now.ss_id = live.ss_id AND now.method = live.method
  AND EXTRACT(DATE FROM live.hour_start_utc) >= IFNULL(now.holds_from, DATE '0001-01-01')
  AND EXTRACT(DATE FROM live.hour_start_utc) <= IFNULL(now.holds_to, DATE '9999-12-31')
LEFT JOIN dim_emission_factor AS old
  ON old.factor_id = live.factor_id
WHERE live.factor_id IS DISTINCT FROM now.factor_id
GROUP BY live.method, now.region, old_factor, new_factor, old_kg_per_mwh, new_kg_per_mwh
ORDER BY live.method, now.region, old_factor, new_factor

-- Of rows that name a factor by system and method: where another one holds by now, by the two factors. That hours of a
-- region are of another edition and say the same is no restatement. Of methods by the hour each hour has a rate of its
-- own, and what is told is their mean by energy. A system that has left the catalogue has no factor any more.
SELECT method, region, old_factor, new_factor,
  IFNULL(MAX(old_rate), 1000 * SAFE_DIVIDE(SUM(old_kg), SUM(energy_kwh))) AS old_kg_per_mwh,
  IFNULL(MAX(annual_rate), 1000 * SAFE_DIVIDE(SUM(new_kg), SUM(energy_kwh))) AS new_kg_per_mwh,
  COUNT(DISTINCT ss_id) AS systems, COUNT(DISTINCT day) AS days, MIN(day) AS first_day, MAX(day) AS last_day,
  COUNT(*) AS row_count, SUM(energy_kwh) AS energy_kwh, SUM(old_kg) AS old_kg, SUM(new_kg) AS new_kg
FROM (
  SELECT live.ss_id, live.method, live.region AS old_region, IFNULL(now.region, live.region) AS region, live.day,
    live.energy_kwh, live.factor_id AS old_factor,
    IFNULL(now.factor_id, CONCAT(by_hour.source, '/', by_hour.edition, '/', CAST(by_hour.data_year AS STRING), '/',
      by_hour.basis, '/', by_hour.region)) AS new_factor,
    old.value AS old_rate, now.co2_kg_per_mwh AS annual_rate,
    live.co2_kg AS old_kg, live.energy_kwh / 1000 * IFNULL(now.co2_kg_per_mwh, by_hour.co2_kg_per_mwh) AS new_kg,
    live.ch4_kg AS old_ch4_kg,
    live.energy_kwh / 1000 * IFNULL(now.ch4_kg_per_mwh, by_hour.ch4_kg_per_mwh) AS new_ch4_kg,
    live.n2o_kg AS old_n2o_kg,
    live.energy_kwh / 1000 * IFNULL(now.n2o_kg_per_mwh, by_hour.n2o_kg_per_mwh) AS new_n2o_kg,
    live.nox_kg AS old_nox_kg,
    live.energy_kwh / 1000 * IFNULL(now.nox_kg_per_mwh, by_hour.nox_kg_per_mwh) AS new_nox_kg,
    live.so2_kg AS old_so2_kg,
    live.energy_kwh / 1000 * IFNULL(now.so2_kg_per_mwh, by_hour.so2_kg_per_mwh) AS new_so2_kg
  FROM (
    SELECT ss_id, method, hour_start_utc, EXTRACT(DATE FROM hour_start_utc) AS day, region, factor_id, energy_kwh,
      co2_kg, ch4_kg, n2o_kg, nox_kg, so2_kg
    FROM {table}
    WHERE {within}
  ) AS live
  LEFT JOIN view_system_factor AS now
    ON now.ss_id = live.ss_id AND now.method = live.method
    AND live.day >= IFNULL(now.holds_from, DATE '0001-01-01') AND live.day <= IFNULL(now.holds_to, DATE '9999-12-31')
  LEFT JOIN (
    SELECT region_scheme, region, hour_start_utc, source, basis, edition, data_year, co2_kg_per_mwh, ch4_kg_per_mwh,
      n2o_kg_per_mwh, nox_kg_per_mwh, so2_kg_per_mwh
    FROM fact_grid_intensity_hourly
    WHERE {hours}
  ) AS by_hour
    ON by_hour.region_scheme = now.region_scheme AND by_hour.region = now.region
    AND by_hour.hour_start_utc = live.hour_start_utc
    AND ((live.method = 'oge_consumed_hourly' AND by_hour.source = 'oge' AND by_hour.basis = 'consumed')
      OR (live.method = 'cems_fossil_hourly' AND by_hour.source = 'campd' AND by_hour.basis = 'fossil'))
  LEFT JOIN dim_emission_factor AS old
    ON old.factor_id = live.factor_id
) AS compared
WHERE (old_factor IS DISTINCT FROM new_factor AND NOT ENDS_WITH(method, '_hourly'))
  OR (old_factor IS NULL) <> (new_factor IS NULL)
  OR (old_factor IS NOT NULL AND old_region IS DISTINCT FROM region)
  OR (old_kg IS NULL) <> (new_kg IS NULL) OR ABS(old_kg - new_kg) > 1e-9 * ABS(new_kg)
  OR (old_ch4_kg IS NULL) <> (new_ch4_kg IS NULL) OR ABS(old_ch4_kg - new_ch4_kg) > 1e-9 * ABS(new_ch4_kg)
  OR (old_n2o_kg IS NULL) <> (new_n2o_kg IS NULL) OR ABS(old_n2o_kg - new_n2o_kg) > 1e-9 * ABS(new_n2o_kg)
  OR (old_nox_kg IS NULL) <> (new_nox_kg IS NULL) OR ABS(old_nox_kg - new_nox_kg) > 1e-9 * ABS(new_nox_kg)
  OR (old_so2_kg IS NULL) <> (new_so2_kg IS NULL) OR ABS(old_so2_kg - new_so2_kg) > 1e-9 * ABS(new_so2_kg)
GROUP BY method, region, old_factor, new_factor
ORDER BY method, region, old_factor, new_factor

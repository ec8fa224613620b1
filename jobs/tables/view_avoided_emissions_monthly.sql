WITH methods AS (
  SELECT
    ss_id,
    DATE_TRUNC(EXTRACT(DATE FROM hour_start_utc), MONTH) AS month,
    method,
    -- The footprint of all output is context, and no answer to what was avoided.
    method <> 'egrid_total_output' AS is_answer,
    -- What is consumed on average has a footprint; what is displaced is at the margin.
    method IN ('avert_annual_dpv', 'egrid_nonbaseload', 'cems_fossil_hourly') AS is_displacement,
    COUNT(*) AS hours,
    COUNTIF(energy_kwh IS NOT NULL) AS hours_with_energy,
    COUNTIF(co2_kg IS NOT NULL) AS hours_with_mass,
    SUM(energy_kwh) AS energy_kwh,
    SUM(IF(co2_kg IS NULL, NULL, energy_kwh)) AS energy_with_factor_kwh,
    SUM(co2_kg) AS co2_kg
  FROM `${dataset}.fact_avoided_emissions_hourly`
  GROUP BY ss_id, month, method
),
-- The sum over a part of the hours is no bound of the whole.
judged AS (
  SELECT *, is_answer AND hours_with_mass > 0 AND hours_with_mass = hours_with_energy AS is_bound
  FROM methods
)
SELECT
  ss_id,
  month,
  MAX(hours) AS hours,
  MAX(hours_with_energy) AS hours_with_energy,
  MAX(IF(method = 'avert_annual_dpv', energy_kwh, NULL)) AS energy_kwh,
  MAX(IF(method = 'avert_annual_dpv', co2_kg, NULL)) AS co2_kg,
  MAX(
    IF(method = 'avert_annual_dpv', SAFE_DIVIDE(IFNULL(energy_with_factor_kwh, 0), energy_kwh), NULL)
  ) AS energy_share_with_factor,
  MIN(IF(is_bound, co2_kg, NULL)) AS co2_least_kg,
  MAX(IF(is_bound, co2_kg, NULL)) AS co2_most_kg,
  STRING_AGG(IF(is_bound, method, NULL), ', ' ORDER BY method) AS range_methods,
  MIN(IF(is_bound AND is_displacement, co2_kg, NULL)) AS co2_displaced_least_kg,
  MAX(IF(is_bound AND is_displacement, co2_kg, NULL)) AS co2_displaced_most_kg,
  STRING_AGG(IF(is_bound AND is_displacement, method, NULL), ', ' ORDER BY method) AS displacement_methods
FROM judged
GROUP BY ss_id, month

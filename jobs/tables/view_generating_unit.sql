SELECT
  facility_id,
  unit_id,
  facility_name,
  state,
  associated_stacks,
  primary_fuel,
  secondary_fuel,
  unit_type,
  so2_controls,
  nox_controls,
  pm_controls,
  hg_controls,
  program_codes,
  quarter_start,
  MIN(first_hour_local) OVER (PARTITION BY facility_id, unit_id) AS first_hour_local,
  MAX(last_hour_local) OVER (PARTITION BY facility_id, unit_id) AS last_hour_local
FROM `${dataset}.dim_generating_unit`
WHERE TRUE
QUALIFY ROW_NUMBER() OVER (PARTITION BY facility_id, unit_id ORDER BY quarter_start DESC) = 1

SELECT
  ss_id,
  system_name,
  site_location,
  us_state,
  climate_koppen_geiger,
  pvcz_composite,
  latitude_deg,
  longitude_deg,
  elevation_m,
  dc_capacity_kw,
  tracking,
  azimuth_deg,
  tilt_deg,
  mount_count,
  qa_status,
  time_zone,
  utc_offset_hours,
  pressure_hpa,
  temperature_mean_degc,
  first_reading_at,
  last_reading_at,
  is_catalogued,
  valid_from,
  quality
FROM `${dataset}.dim_system`
-- A row that was there before the table had a history is one of now.
WHERE IFNULL(is_current, TRUE)

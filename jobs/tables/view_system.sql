SELECT
  ss_id,
  system_name,
  site_location,
  REGEXP_EXTRACT(site_location, r'[ ,]([A-Z][A-Z])$') AS us_state,
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
  qa_status
FROM `${dataset}.dim_system`

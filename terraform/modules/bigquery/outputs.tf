output "dataset" {
  description = "Name of the dataset."
  value       = google_bigquery_dataset.this.dataset_id
}

output "location" {
  description = "Location of the dataset."
  value       = google_bigquery_dataset.this.location
}

output "tables" {
  description = "Every table and view, by name: its full id."
  value       = merge(module.tables_0.ids, module.tables_1.ids, module.tables_2.ids, module.views.ids)
}

output "made" {
  description = "Every table and view as it is asked for from BigQuery, by name."
  value       = merge(module.tables_0.made, module.tables_1.made, module.tables_2.made, module.views.made)
}

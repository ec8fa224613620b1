output "name" {
  description = "Name of the bucket."
  value       = google_storage_bucket.this.name
}

output "uri" {
  description = "Where the jobs stage: STAGING."
  value       = "gs://${google_storage_bucket.this.name}/staging"
}

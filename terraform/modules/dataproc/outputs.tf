output "runtime" {
  description = "What a batch is submitted with."
  value = {
    region          = var.region
    subnetwork      = google_compute_subnetwork.spark.id
    service_account = var.jobs.email
    images          = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}"
  }
}

output "network" {
  description = "Network and subnetwork, for an Airflow beside the batches."
  value = {
    network    = google_compute_network.this.id
    subnetwork = google_compute_subnetwork.spark.id
  }
}

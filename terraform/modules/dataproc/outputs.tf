output "runtime" {
  description = "What a batch is submitted with."
  value = {
    region          = var.region
    subnetwork      = google_compute_subnetwork.spark.id
    service_account = var.jobs.email
    images          = local.images
    image           = var.image == null ? null : "${local.images}:${var.image}"
  }
}

output "network" {
  description = "Network and subnetwork, for an Airflow beside the batches."
  value = {
    network    = google_compute_network.this.id
    subnetwork = google_compute_subnetwork.spark.id
  }
}

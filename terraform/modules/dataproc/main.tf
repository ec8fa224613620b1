# Dataproc Serverless keeps nothing between batches. It needs a network whose machines have no public address, a way out
# to S3, a role for its account, and a place for the image.

resource "google_compute_network" "this" {
  project                 = var.project
  name                    = var.name
  auto_create_subnetworks = false
}

resource "google_compute_subnetwork" "spark" {
  project                  = var.project
  name                     = "${var.name}-spark"
  region                   = var.region
  network                  = google_compute_network.this.id
  ip_cidr_range            = var.addresses
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# The driver and its executors talk to one another on ports of their own choice, and to nobody else.
resource "google_compute_firewall" "spark" {
  project       = var.project
  name          = "${var.name}-spark"
  network       = google_compute_network.this.id
  direction     = "INGRESS"
  source_ranges = [var.addresses]

  allow {
    protocol = "tcp"
    ports    = ["1-65535"]
  }
}

resource "google_compute_router" "out" {
  project = var.project
  name    = "${var.name}-out"
  region  = var.region
  network = google_compute_network.this.id
}

resource "google_compute_router_nat" "out" {
  project                            = var.project
  name                               = "${var.name}-out"
  region                             = var.region
  router                             = google_compute_router.out.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.spark.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }
}

# Google asks for this role on the account of every batch, and gives it on projects only.
resource "google_project_iam_member" "worker" {
  project = var.project
  role    = "roles/dataproc.worker"
  member  = var.jobs.member
}

locals {
  images = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.images.repository_id}/sunledger"
}

resource "google_artifact_registry_repository" "images" {
  #checkov:skip=CKV_GCP_84:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it

  project       = var.project
  location      = var.region
  repository_id = var.name
  format        = "DOCKER"
  description   = "Images of the jobs."
  labels        = var.labels

  docker_config {
    immutable_tags = true
  }
}

resource "google_artifact_registry_repository_iam_member" "jobs" {
  project    = var.project
  location   = google_artifact_registry_repository.images.location
  repository = google_artifact_registry_repository.images.repository_id
  role       = "roles/artifactregistry.reader"
  member     = var.jobs.member
}

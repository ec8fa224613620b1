resource "google_service_account" "airflow" {
  project      = var.project
  account_id   = "${var.name}-airflow"
  display_name = "Sunledger's Airflow"
}

resource "google_project_iam_member" "airflow" {
  #checkov:skip=CKV_GCP_49:Google asks for this role on the project of every environment

  for_each = toset(["roles/composer.worker", "roles/dataproc.serverlessEditor", "roles/bigquery.jobUser"])

  project = var.project
  role    = each.key
  member  = google_service_account.airflow.member
}

# Batches run as the jobs' account; Airflow may name it, and holds none of its rights on data itself.
resource "google_service_account_iam_member" "submits_as_jobs" {
  service_account_id = var.jobs.name
  role               = "roles/iam.serviceAccountUser"
  member             = google_service_account.airflow.member
}

resource "google_service_account_iam_member" "plans_as_jobs" {
  service_account_id = var.jobs.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = google_service_account.airflow.member
}

locals {
  # What the DAGs do themselves (plan, check, publish) they do as the jobs; batches they start as Airflow.
  connections = {
    AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT = jsonencode({
      conn_type = "google_cloud_platform"
      extra     = { impersonation_chain = var.jobs.email }
    })
    AIRFLOW_CONN_GOOGLE_CLOUD_AIRFLOW = jsonencode({ conn_type = "google_cloud_platform" })
    DATAPROC_CONNECTION               = "google_cloud_airflow"
  }
}

resource "google_composer_environment" "this" {
  project = var.project
  name    = var.name
  region  = var.region

  config {
    environment_size           = "ENVIRONMENT_SIZE_SMALL"
    enable_private_environment = true

    node_config {
      network         = var.network.network
      subnetwork      = var.network.subnetwork
      service_account = google_service_account.airflow.email
    }

    software_config {
      image_version = var.image
      env_variables = merge(var.settings, local.connections)
      pypi_packages = var.requirements
    }
  }

  depends_on = [google_project_iam_member.airflow]
}

locals {
  folder = split("/", trimprefix(google_composer_environment.this.config[0].dag_gcs_prefix, "gs://"))
}

resource "google_storage_bucket_object" "bundle" {
  for_each = var.bundle

  bucket = local.folder[0]
  name   = "dags/${each.key}"
  source = each.value
}

resource "google_service_account" "jobs" {
  project      = var.project
  account_id   = "${var.name}-jobs"
  display_name = "Sunledger jobs: plan, stage, check and publish"
}

resource "google_bigquery_dataset_iam_member" "jobs" {
  project    = var.project
  dataset_id = var.dataset
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.jobs.member
}

# To run a query is a right on the project; what it may read is not. A load that a person began is taken over by asking
# how that person's job went: resourceViewer is the least that Google predefines with bigquery.jobs.get, and writes
# nothing.
resource "google_project_iam_member" "jobs" {
  for_each = toset(["roles/bigquery.jobUser", "roles/bigquery.resourceViewer"])

  project = var.project
  role    = each.key
  member  = google_service_account.jobs.member
}

resource "google_bigquery_dataset_iam_member" "analyst" {
  for_each = var.analysts

  project    = var.project
  dataset_id = var.dataset
  role       = "roles/bigquery.dataViewer"
  member     = each.value
}

resource "google_project_iam_member" "analyst" {
  for_each = var.analysts

  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = each.value
}

# AWS to Google: a token that AWS signs for the one role is exchanged for an hour as the jobs' account. No key exists.
locals {
  session = "arn:aws:sts::${var.aws.account}:assumed-role/${var.aws.role}"
}

resource "google_iam_workload_identity_pool" "aws" {
  project                   = var.project
  workload_identity_pool_id = "${var.name}-aws"
  display_name              = "${var.name} from AWS"
}

resource "google_iam_workload_identity_pool_provider" "aws" {
  #checkov:skip=CKV_GCP_125:this provider trusts AWS, not GitHub

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.aws.workload_identity_pool_id
  workload_identity_pool_provider_id = "${var.name}-aws"
  display_name                       = "AWS account ${var.aws.account}"
  attribute_condition                = "assertion.arn.startsWith('${local.session}/')"

  attribute_mapping = {
    "google.subject"     = "assertion.arn.extract('assumed-role/{role_and_session}')"
    "attribute.aws_role" = "assertion.arn.extract('assumed-role/{role}/')"
  }

  aws {
    account_id = var.aws.account
  }
}

resource "google_service_account_iam_member" "aws" {
  service_account_id = google_service_account.jobs.name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principalSet://iam.googleapis.com/${google_iam_workload_identity_pool.aws.name}/attribute.aws_role/${var.aws.role}"
}

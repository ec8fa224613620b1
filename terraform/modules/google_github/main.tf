# A workflow's token, which GitHub signs, is exchanged for an hour as one of two accounts. No key exists.

locals {
  subjects = {
    plan  = "repo:${var.repository}:pull_request"
    apply = "repo:${var.repository}:environment:${var.environment}"
  }

  # To plan is to read configuration. To apply is to make what the modules make; who may grant roles on a project may
  # grant any, so the GitHub environment's reviewers are this account's only limit.
  roles = {
    plan = ["roles/viewer", "roles/iam.securityReviewer", "roles/serviceusage.serviceUsageConsumer"]
    apply = [
      "roles/artifactregistry.admin", "roles/bigquery.admin", "roles/composer.admin", "roles/compute.networkAdmin",
      "roles/compute.securityAdmin", "roles/datacatalog.categoryAdmin", "roles/iam.serviceAccountAdmin",
      "roles/iam.serviceAccountUser", "roles/iam.workloadIdentityPoolAdmin", "roles/resourcemanager.projectIamAdmin",
      "roles/secretmanager.admin", "roles/serviceusage.serviceUsageAdmin", "roles/storage.admin",
    ]
  }
  grants = merge([for who, roles in local.roles : { for role in roles : "${who} ${role}" => { who = who, role = role } }]...)
}

resource "google_iam_workload_identity_pool" "github" {
  project                   = var.project
  workload_identity_pool_id = "${var.name}-github"
  display_name              = "${var.name} from GitHub"
}

resource "google_iam_workload_identity_pool_provider" "github" {
  #checkov:skip=CKV_GCP_125:the condition names one repository, and each account is bound to one whole subject; the check does not read variables

  project                            = var.project
  workload_identity_pool_id          = google_iam_workload_identity_pool.github.workload_identity_pool_id
  workload_identity_pool_provider_id = "github"
  display_name                       = "GitHub workflows"
  attribute_condition                = "assertion.repository == '${var.repository}'"
  attribute_mapping                  = { "google.subject" = "assertion.sub" }

  oidc {
    issuer_uri = "https://token.actions.githubusercontent.com"
  }
}

resource "google_service_account" "github" {
  for_each = local.subjects

  project      = var.project
  account_id   = "${var.name}-gh-${each.key}"
  display_name = "GitHub workflows that ${each.key}"
}

resource "google_service_account_iam_member" "github" {
  for_each = local.subjects

  service_account_id = google_service_account.github[each.key].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "principal://iam.googleapis.com/${google_iam_workload_identity_pool.github.name}/subject/${each.value}"
}

resource "google_project_iam_member" "github" {
  for_each = local.grants

  project = var.project
  role    = each.value.role
  member  = google_service_account.github[each.value.who].member
}

locals {
  name     = "sunledger-${var.environment}"
  jobs     = "${path.root}/../jobs"
  dags     = "${path.root}/../dags"
  aws_role = "${local.name}-jobs"

  labels = {
    project     = "sunledger"
    environment = var.environment
  }
}

resource "google_project_service" "needed" {
  for_each = toset(concat(
    ["bigquery", "billingbudgets", "cloudresourcemanager", "datacatalog", "iam", "iamcredentials", "secretmanager", "storage", "sts"],
    var.spark == "dataproc" ? ["artifactregistry", "compute", "dataproc"] : [],
    var.airflow == "composer" ? ["composer"] : [],
  ))

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

data "google_project" "this" {
  project_id = var.google_project
}

module "bigquery" {
  source = "./modules/bigquery"

  project             = var.google_project
  dataset             = var.dataset
  location            = var.location
  contracts           = "${local.jobs}/tables"
  lock                = "${path.root}/columns.lock"
  deletion_protection = var.deletion_protection
  labels              = local.labels
  classified_readers  = var.classified_readers
  jobs                = module.google_identity.jobs.member

  depends_on = [google_project_service.needed]
}

module "staging_bucket" {
  source = "./modules/staging_bucket"

  project          = var.google_project
  name             = "${var.google_project}-staging"
  location         = coalesce(var.staging_location, var.location)
  dataset_location = var.location
  writers          = { jobs = module.google_identity.jobs.member }
  readers          = var.staging_readers
  labels           = local.labels
}

module "landing_bucket" {
  source = "./modules/landing_bucket"

  name    = "${local.name}-landing-${var.aws_account}"
  writers = var.landing_writers
}

module "google_identity" {
  source = "./modules/google_identity"

  project  = var.google_project
  name     = local.name
  dataset  = module.bigquery.dataset
  analysts = var.analysts
  aws      = { account = var.aws_account, role = local.aws_role }
}

module "aws_identity" {
  source = "./modules/aws_identity"

  name           = local.aws_role
  landing_bucket = module.landing_bucket.arn
  google_account = module.google_identity.jobs.unique_id
  audience       = local.name
}

module "secrets" {
  source = "./modules/secrets"

  project  = var.google_project
  location = var.google_region
  names    = var.secrets
  readers  = { jobs = module.google_identity.jobs.member }
  labels   = local.labels

  depends_on = [google_project_service.needed]
}

module "dataproc" {
  source = "./modules/dataproc"
  count  = var.spark == "dataproc" ? 1 : 0

  project = var.google_project
  name    = local.name
  region  = var.google_region
  jobs    = module.google_identity.jobs
  image   = var.image
  labels  = local.labels

  depends_on = [google_project_service.needed]
}

module "aws_network" {
  source = "./modules/aws_network"
  count  = var.spark == "emr" ? 1 : 0

  name = local.name
}

module "emr" {
  source = "./modules/emr"
  count  = var.spark == "emr" ? 1 : 0

  name           = local.name
  release        = var.emr_release
  image          = var.image
  subnets        = module.aws_network[0].subnets
  security_group = module.aws_network[0].security_group
}

module "google_budget" {
  source = "./modules/google_budget"

  billing_account = var.billing_account
  project_number  = data.google_project.this.number
  name            = local.name
  monthly_amount  = var.google_monthly

  depends_on = [google_project_service.needed]
}

module "aws_budget" {
  source = "./modules/aws_budget"

  name        = local.name
  monthly_usd = var.aws_monthly_usd
  emails      = var.alert_emails
}

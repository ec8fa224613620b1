# What must be there before Terraform can keep a state or GitHub can get credentials. A person with rights on both
# accounts applies it once for each environment; a workflow cannot, so no workflow widens its own rights.

terraform {
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 6.50, < 8.0"
    }
  }

  # One file per environment, in this folder. It holds names and no secret; keep it, or import what it made.
  backend "local" {}
}

provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.aws_account]
}

provider "google" {
  project = var.google_project
}

locals {
  name = "sunledger-${var.environment}"
}

resource "google_project_service" "needed" {
  for_each = toset(["cloudresourcemanager", "iam", "iamcredentials", "serviceusage", "sts"])

  service            = "${each.key}.googleapis.com"
  disable_on_destroy = false
}

module "state_bucket" {
  source = "../modules/state_bucket"

  name = "${local.name}-state-${var.aws_account}"
}

module "aws_github" {
  source = "../modules/aws_github"
  count  = var.github_repository == null ? 0 : 1

  name         = local.name
  environment  = var.environment
  repository   = var.github_repository
  state_bucket = module.state_bucket.arn
}

module "google_github" {
  source = "../modules/google_github"
  count  = var.github_repository == null ? 0 : 1

  project     = var.google_project
  name        = local.name
  environment = var.environment
  repository  = var.github_repository

  depends_on = [google_project_service.needed]
}

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

  # Which bucket and key is in envs/<env>/backend.hcl. The lock is an object beside the state.
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {
  region              = var.aws_region
  allowed_account_ids = [var.aws_account]

  default_tags {
    tags = local.labels
  }
}

provider "google" {
  project        = var.google_project
  region         = var.google_region
  default_labels = local.labels

  # Budgets are asked for in the name of a project.
  billing_project       = var.google_project
  user_project_override = true
}

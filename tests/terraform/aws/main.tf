# The AWS modules together, applied to a local server that answers as AWS does (moto). moto lacks
# MWAA and the subscribers of a budget, and takes no Spark application in the provider's spelling: these are left out.

terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.80, < 7.0"
    }
  }
}

# Where AWS is and as whom comes from AWS_ENDPOINT_URL and the other standard variables.
provider "aws" {
  region                      = "eu-central-1"
  s3_use_path_style           = true
  skip_credentials_validation = true
  skip_metadata_api_check     = true
}

module "landing_bucket" {
  source = "../../../terraform/modules/landing_bucket"

  name    = "sunledger-dev-landing-123456789012"
  writers = ["arn:aws:iam::123456789012:role/uploader"]
}

module "aws_identity" {
  source = "../../../terraform/modules/aws_identity"

  name           = "sunledger-dev-jobs"
  landing_bucket = module.landing_bucket.arn
  google_account = "100000000000000000001"
  audience       = "sunledger-dev"
}

module "aws_network" {
  source = "../../../terraform/modules/aws_network"

  name = "sunledger-dev"
}

module "state_bucket" {
  source = "../../../terraform/modules/state_bucket"

  name = "sunledger-dev-state-123456789012"
}

module "aws_github" {
  source = "../../../terraform/modules/aws_github"

  name         = "sunledger-dev"
  environment  = "dev"
  repository   = "example/sunledger"
  state_bucket = module.state_bucket.arn
}

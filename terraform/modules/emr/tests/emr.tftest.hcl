mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sunledger-dev" }
  }
}

variables {
  name           = "sunledger-dev"
  release        = "emr-7.9.0"
  subnets        = ["subnet-1", "subnet-2"]
  security_group = "sg-1"
}

run "it_stops_when_idle_and_has_a_ceiling" {
  assert {
    condition     = one(aws_emrserverless_application.spark.auto_stop_configuration).enabled
    error_message = "It runs, and costs, when nobody uses it."
  }

  assert {
    condition     = one(aws_emrserverless_application.spark.maximum_capacity).cpu == "64 vCPU"
    error_message = "There is no ceiling."
  }

  assert {
    condition     = length(aws_emrserverless_application.spark.image_configuration) == 0 && output.runtime.image == null
    error_message = "An image is named that nobody has pushed."
  }
}

run "jobs_run_in_the_image_that_is_named_and_only_the_accounts_applications_fetch_it" {
  variables {
    image = "0a1b2c3"
  }

  assert {
    condition     = one(aws_emrserverless_application.spark.image_configuration).image_uri == "123456789012.dkr.ecr.eu-central-1.amazonaws.com/sunledger-dev:0a1b2c3"
    error_message = "Jobs run in another image."
  }

  assert {
    condition     = toset(one(one(data.aws_iam_policy_document.pull.statement).condition).values) == toset(["arn:aws:emr-serverless:eu-central-1:123456789012:/applications/*"])
    error_message = "Others than this account's applications may fetch the image, or none."
  }
}

run "a_release_that_is_none_is_refused" {
  command = plan

  variables {
    release = "7.9.0"
  }

  expect_failures = [var.release]
}

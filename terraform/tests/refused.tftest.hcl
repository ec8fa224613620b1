# terraform test -var-file=envs/dev/terraform.tfvars: what an environment may not be.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

run "prod_without_deletion_protection" {
  command = plan

  variables {
    environment         = "prod"
    deletion_protection = false
  }

  expect_failures = [var.deletion_protection]
}

run "a_staging_bucket_in_another_location" {
  command = plan

  variables {
    staging_location = "US"
  }

  expect_failures = [var.staging_location]
}

run "a_public_staging_bucket" {
  command = plan

  variables {
    staging_readers = ["allUsers"]
  }

  expect_failures = [var.staging_readers]
}

run "a_public_landing_bucket" {
  command = plan

  variables {
    landing_writers = ["*"]
  }

  expect_failures = [var.landing_writers]
}

run "a_public_dataset" {
  command = plan

  variables {
    analysts = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.analysts]
}

run "a_third_environment" {
  command = plan

  variables {
    environment = "stage"
  }

  expect_failures = [var.environment]
}

run "an_account_that_is_none" {
  command = plan

  variables {
    aws_account = "1234"
  }

  expect_failures = [var.aws_account]
}

run "an_image_without_a_commit" {
  command = plan

  variables {
    image = "latest"
  }

  expect_failures = [var.image]
}

run "airflow_beside_the_other_clouds_spark" {
  command = plan

  variables {
    airflow         = "mwaa"
    airflow_version = "3.3.2"
  }

  expect_failures = [var.airflow]
}

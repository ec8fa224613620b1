mock_provider "google" {
  mock_resource "google_service_account" {
    defaults = {
      name      = "projects/example-dev/serviceAccounts/jobs@example-dev.iam.gserviceaccount.com"
      email     = "jobs@example-dev.iam.gserviceaccount.com"
      member    = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com"
      unique_id = "100000000000000000001"
    }
  }
  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/1/locations/global/workloadIdentityPools/sunledger-dev-aws" }
  }
}

variables {
  project  = "example-dev"
  name     = "sunledger-dev"
  dataset  = "sunledger"
  analysts = ["group:analysts@example.org"]
  aws      = { account = "123456789012", role = "sunledger-dev-jobs" }
}

run "each_account_has_the_least_that_it_needs" {
  assert {
    condition     = google_bigquery_dataset_iam_member.jobs.role == "roles/bigquery.dataEditor" && google_bigquery_dataset_iam_member.jobs.dataset_id == "sunledger"
    error_message = "The jobs write the one dataset, and no more."
  }

  assert {
    condition     = toset([for granted in google_project_iam_member.jobs : granted.role]) == toset(["roles/bigquery.jobUser", "roles/bigquery.resourceViewer"])
    error_message = "On the project the jobs may run queries and see how others' jobs went, and no more."
  }

  assert {
    condition     = google_bigquery_dataset_iam_member.analyst["group:analysts@example.org"].role == "roles/bigquery.dataViewer"
    error_message = "Analysts read."
  }
}

run "one_role_of_one_aws_account_may_act_as_the_jobs" {
  assert {
    condition     = google_iam_workload_identity_pool_provider.aws.attribute_condition == "assertion.arn.startsWith('arn:aws:sts::123456789012:assumed-role/sunledger-dev-jobs/')"
    error_message = "Another role could get a token."
  }

  assert {
    condition     = google_service_account_iam_member.aws.member == "principalSet://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/sunledger-dev-aws/attribute.aws_role/sunledger-dev-jobs"
    error_message = "Another role could act as the jobs."
  }

  assert {
    condition     = !strcontains(output.credentials_on_aws, "private_key")
    error_message = "There is a key."
  }
}

run "public_analysts_are_refused" {
  command = plan

  variables {
    analysts = ["allUsers"]
  }

  expect_failures = [var.analysts]
}

mock_provider "google" {
  mock_resource "google_iam_workload_identity_pool" {
    defaults = { name = "projects/1/locations/global/workloadIdentityPools/sunledger-dev-github" }
  }
  mock_resource "google_service_account" {
    defaults = {
      name   = "projects/example-dev/serviceAccounts/gh@example-dev.iam.gserviceaccount.com"
      member = "serviceAccount:gh@example-dev.iam.gserviceaccount.com"
    }
  }
}

variables {
  project     = "example-dev"
  name        = "sunledger-dev"
  environment = "dev"
  repository  = "example/sunledger"
}

run "one_repository_is_trusted_and_pull_requests_only_plan" {
  assert {
    condition     = google_iam_workload_identity_pool_provider.github.attribute_condition == "assertion.repository == 'example/sunledger'"
    error_message = "Another repository could get a token."
  }

  assert {
    condition     = endswith(google_service_account_iam_member.github["plan"].member, "/subject/repo:example/sunledger:pull_request") && endswith(google_service_account_iam_member.github["apply"].member, "/subject/repo:example/sunledger:environment:dev")
    error_message = "Another branch or event could act as an account."
  }
}

run "all_repositories_of_an_owner_are_refused" {
  command = plan

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}

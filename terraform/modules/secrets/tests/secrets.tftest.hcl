mock_provider "google" {}

variables {
  project  = "example-dev"
  location = "europe-west4"
  names    = ["epa-api-key", "eia-api-key"]
  readers  = { jobs = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com" }
}

run "the_jobs_read_each_secret_by_its_name" {
  command = plan

  assert {
    condition     = keys(google_secret_manager_secret_iam_member.reader) == ["eia-api-key jobs", "epa-api-key jobs"]
    error_message = "Some secret has another reader, or none."
  }

  assert {
    condition     = alltrue([for grant in google_secret_manager_secret_iam_member.reader : grant.role == "roles/secretmanager.secretAccessor"])
    error_message = "Readers may do more than read."
  }
}

run "a_value_for_a_name_is_refused" {
  command = plan

  variables {
    names = ["key=1f3870be"]
  }

  expect_failures = [var.names]
}

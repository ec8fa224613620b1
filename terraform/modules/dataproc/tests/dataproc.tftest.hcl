mock_provider "google" {}

variables {
  project = "example-dev"
  name    = "sunledger-dev"
  region  = "europe-west4"
  jobs = {
    email  = "jobs@example-dev.iam.gserviceaccount.com"
    member = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com"
    name   = "projects/example-dev/serviceAccounts/jobs@example-dev.iam.gserviceaccount.com"
  }
}

run "batches_run_as_the_jobs_without_a_public_address" {
  assert {
    condition     = google_compute_subnetwork.spark.private_ip_google_access && output.runtime.service_account == var.jobs.email
    error_message = "Batches run elsewhere or as somebody else."
  }

  assert {
    condition     = google_compute_firewall.spark.source_ranges == toset([var.addresses])
    error_message = "Somebody else may reach the executors."
  }

  assert {
    condition     = output.runtime.images == "europe-west4-docker.pkg.dev/example-dev/sunledger-dev/sunledger" && output.runtime.image == null
    error_message = "Images are somewhere else, or one is named that nobody has pushed."
  }
}

run "batches_run_in_the_image_that_is_named" {
  variables {
    image = "0a1b2c3"
  }

  assert {
    condition     = output.runtime.image == "europe-west4-docker.pkg.dev/example-dev/sunledger-dev/sunledger:0a1b2c3"
    error_message = "Batches run in another image."
  }
}

run "a_multi_region_is_refused" {
  command = plan

  variables {
    region = "EU"
  }

  expect_failures = [var.region]
}

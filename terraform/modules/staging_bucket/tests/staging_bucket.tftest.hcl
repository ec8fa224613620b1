mock_provider "google" {}

variables {
  project          = "example-dev"
  name             = "example-dev-staging"
  location         = "EU"
  dataset_location = "eu"
  writers          = { jobs = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com" }
}

run "the_bucket_is_private_and_keeps_live_loads" {
  command = plan

  assert {
    condition     = google_storage_bucket.this.public_access_prevention == "enforced" && google_storage_bucket.this.uniform_bucket_level_access
    error_message = "The bucket could be made public."
  }

  assert {
    condition = alltrue([
      for rule in google_storage_bucket.this.lifecycle_rule : one(rule.condition).matches_prefix == tolist(["tmp/"])
      if one(rule.action).type == "Delete"
    ])
    error_message = "A rule deletes staged loads by their age."
  }

  assert {
    condition     = output.uri == "gs://example-dev-staging/staging"
    error_message = "STAGING is another place."
  }

  assert {
    condition = {
      for grant in google_storage_bucket_iam_member.writer : grant.role => grant.member
      } == {
      "roles/storage.objectUser"         = var.writers["jobs"]
      "roles/storage.legacyBucketReader" = var.writers["jobs"]
    }
    error_message = "The jobs may do more, or less, than read and write objects and see where the bucket is."
  }
}

run "another_location_than_the_datasets_is_refused" {
  command = plan

  variables {
    dataset_location = "US"
  }

  expect_failures = [var.dataset_location]
}

run "public_readers_are_refused" {
  command = plan

  variables {
    readers = ["allAuthenticatedUsers"]
  }

  expect_failures = [var.readers]
}

run "public_writers_are_refused" {
  command = plan

  variables {
    writers = { anybody = "allUsers" }
  }

  expect_failures = [var.writers]
}

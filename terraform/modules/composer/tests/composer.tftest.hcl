mock_provider "google" {
  mock_resource "google_composer_environment" {
    defaults = {
      config = { dag_gcs_prefix = "gs://composer-bucket/dags", airflow_uri = "https://airflow.example.org" }
    }
  }
}

variables {
  project  = "example-dev"
  name     = "sunledger-dev"
  region   = "europe-west4"
  image    = "composer-3-airflow-3.1.0"
  network  = { network = "network", subnetwork = "subnetwork" }
  jobs     = { member = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com", name = "projects/example-dev/serviceAccounts/jobs" }
  settings = { SPARK_PROFILE = "dataproc" }
  bundle   = { "pv.py" = "../../../dags/pv.py", "jobs/settings.py" = "../../../jobs/settings.py" }
}

run "airflow_gets_the_settings_and_may_name_the_jobs_account" {
  command = plan

  assert {
    condition     = one(one(google_composer_environment.this.config).software_config).env_variables == tomap(var.settings)
    error_message = "Airflow reads other settings than the jobs."
  }

  assert {
    condition     = google_service_account_iam_member.submits_as_jobs.service_account_id == var.jobs.name
    error_message = "Airflow may act as another account than the jobs'."
  }

  assert {
    condition     = keys(google_storage_bucket_object.bundle) == ["jobs/settings.py", "pv.py"] && google_storage_bucket_object.bundle["pv.py"].name == "dags/pv.py"
    error_message = "The bundle is not in the DAG folder."
  }
}

run "airflow_2_is_refused" {
  command = plan

  variables {
    image = "composer-3-airflow-2.10.5"
  }

  expect_failures = [var.image]
}

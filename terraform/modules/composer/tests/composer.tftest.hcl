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
  image    = "composer-3-airflow-3.3.2"
  network  = { network = "network", subnetwork = "subnetwork" }
  jobs     = { email = "jobs@example-dev.iam.gserviceaccount.com", name = "projects/example-dev/serviceAccounts/jobs" }
  settings = { SPARK_PROFILE = "dataproc" }

  requirements = { duckdb = "==2.0.0" }

  bundle = { "pv.py" = "../../../dags/pv.py", "jobs/settings.py" = "../../../jobs/settings.py" }
}

run "airflow_gets_the_settings_and_may_name_the_jobs_account" {
  command = plan

  assert {
    condition     = one(one(google_composer_environment.this.config).software_config).env_variables["SPARK_PROFILE"] == "dataproc"
    error_message = "Airflow reads other settings than the jobs."
  }

  assert {
    condition     = jsondecode(one(one(google_composer_environment.this.config).software_config).env_variables["AIRFLOW_CONN_GOOGLE_CLOUD_DEFAULT"]).extra.impersonation_chain == var.jobs.email
    error_message = "What the DAGs do themselves is not done as the jobs."
  }

  assert {
    condition     = one(one(google_composer_environment.this.config).software_config).env_variables["DATAPROC_CONNECTION"] == "google_cloud_airflow" && !can(jsondecode(one(one(google_composer_environment.this.config).software_config).env_variables["AIRFLOW_CONN_GOOGLE_CLOUD_AIRFLOW"]).extra)
    error_message = "Batches are started as the jobs, who may not."
  }

  assert {
    condition     = one(one(google_composer_environment.this.config).software_config).pypi_packages == tomap(var.requirements)
    error_message = "Airflow lacks what the jobs import."
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

run "an_older_airflow_is_refused" {
  command = plan

  variables {
    image = "composer-3-airflow-3.1.0"
  }

  expect_failures = [var.image]
}

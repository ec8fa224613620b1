output "airflow" {
  description = "Where Airflow is, and which account it runs as."
  value = {
    url     = google_composer_environment.this.config[0].airflow_uri
    dags    = google_composer_environment.this.config[0].dag_gcs_prefix
    account = google_service_account.airflow.email
  }
}

variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "region" {
  description = "Region that Airflow runs in."
  type        = string
}

variable "image" {
  description = "Version of Composer and Airflow, such as composer-3-airflow-3.3.2."
  type        = string

  validation {
    condition     = can(regex("^composer-3-airflow-3\\.([3-9]|[1-9][0-9])", var.image))
    error_message = "The DAGs need Airflow 3.3 or newer, for its retry policies: take an image such as composer-3-airflow-3.3.2, not ${var.image}."
  }
}

variable "network" {
  description = "Network and subnetwork."
  type = object({
    network    = string
    subnetwork = string
  })
}

variable "jobs" {
  description = "The service account that the DAGs submit batches as."
  type = object({
    email = string
    name  = string
  })
}

variable "settings" {
  description = "The jobs' settings, as environment variables."
  type        = map(string)
}

variable "bundle" {
  description = "Files of the DAGs and of the jobs they import: by path in the DAG folder, where each is."
  type        = map(string)
}

variable "requirements" {
  description = "Python packages that the jobs import, with their bounds, such as { duckdb = \"==2.0.0\" }."
  type        = map(string)
}

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
  description = "Version of Composer and Airflow, such as composer-3-airflow-3.1.0; the DAGs are written for Airflow 3."
  type        = string

  validation {
    condition     = can(regex("^composer-3-airflow-3", var.image))
    error_message = "The DAGs are written for Airflow 3: take an image that begins with composer-3-airflow-3, not ${var.image}."
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
    member = string
    name   = string
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
  description = "Python packages beyond Composer's own, with their bounds, such as { duckdb = \"==2.0.0\" }."
  type        = map(string)
  default     = {}
}

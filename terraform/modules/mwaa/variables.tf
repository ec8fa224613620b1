variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "bucket" {
  description = "Name of the bucket for the DAGs; unique in the world."
  type        = string
}

variable "airflow" {
  description = "Version of Airflow, such as 3.3.2."
  type        = string

  validation {
    condition     = can(regex("^3\\.([3-9]|[1-9][0-9])", var.airflow))
    error_message = "The DAGs need Airflow 3.3 or newer, for its retry policies: ${var.airflow} is older."
  }
}

variable "subnets" {
  description = "Two private subnets."
  type        = list(string)

  validation {
    condition     = length(var.subnets) == 2
    error_message = "MWAA takes exactly two subnets, in two zones."
  }
}

variable "security_group" {
  description = "The workers' group."
  type        = string
}

variable "jobs_role" {
  description = "ARN of the role that job runs are started as."
  type        = string
}

variable "application" {
  description = "Id of the EMR Serverless application that the DAGs start job runs in."
  type        = string
}

variable "landing_bucket" {
  description = "ARN of the landing bucket, which `plan` lists."
  type        = string
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

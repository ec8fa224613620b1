# What an environment is. Values are in envs/<env>/terraform.tfvars; two environments differ in nothing else.

variable "environment" {
  description = "dev or prod."
  type        = string

  validation {
    condition     = contains(["dev", "prod"], var.environment)
    error_message = "There are two environments, dev and prod; ${var.environment} is none."
  }
}

variable "aws_account" {
  description = "AWS account of the environment; another account's credentials are refused."
  type        = string

  validation {
    condition     = can(regex("^[0-9]{12}$", var.aws_account))
    error_message = "An AWS account is twelve digits."
  }
}

variable "aws_region" {
  description = "AWS region of the landing bucket."
  type        = string
}

variable "google_project" {
  description = "Google Cloud project of the environment, by its id."
  type        = string
}

variable "google_region" {
  description = "Google region that Spark and Airflow run in; inside `location`."
  type        = string
}

variable "location" {
  description = "Location of the dataset, such as EU. It can never be changed."
  type        = string
}

variable "staging_location" {
  description = "Location of the staging bucket; null for the dataset's."
  type        = string
  default     = null

  validation {
    condition     = upper(coalesce(var.staging_location, var.location)) == upper(var.location)
    error_message = "The staging bucket would be in ${coalesce(var.staging_location, "-")} and the dataset in ${var.location}: BigQuery loads for free only from its own location, so give both the same."
  }
}

variable "dataset" {
  description = "Name of the dataset."
  type        = string
  default     = "sunledger"
}

variable "deletion_protection" {
  description = "Refuse to delete tables and views, or to make them anew."
  type        = bool
  default     = true

  validation {
    condition     = var.deletion_protection || var.environment != "prod"
    error_message = "prod without deletion protection is refused: a plan could then delete its tables."
  }
}

variable "analysts" {
  description = "IAM members that may query the dataset, such as group:analysts@example.org."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setintersection(var.analysts, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The dataset is private: allUsers and allAuthenticatedUsers cannot be analysts."
  }
}

variable "classified_readers" {
  description = "Who may read classified columns, by class."
  type        = map(set(string))
  default     = {}
}

variable "staging_readers" {
  description = "IAM members that may read staged parquet, such as group:researchers@example.org."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setintersection(var.staging_readers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The staging bucket is private: allUsers and allAuthenticatedUsers cannot be let in."
  }
}

variable "landing_writers" {
  description = "IAM roles and users, by ARN, that may put files into the landing bucket."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.landing_writers : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "The landing bucket is private: name its writers as arn:aws:iam::<account>:role/<name> or user/<name>, never *."
  }
}

variable "oge_bucket" {
  description = "Bucket in Open Grid Emissions' key layout."
  type        = string
  default     = "open-grid-emissions"
}

variable "pvdaq_bucket" {
  description = "Bucket in PVDAQ's key layout."
  type        = string
  default     = "oedi-data-lake"
}

variable "pudl_bucket" {
  description = "Bucket of PUDL's releases, pudl.catalyst.coop; empty: its record of hourly emissions is not read."
  type        = string
  default     = ""
}

variable "secrets" {
  description = "Names of the secrets that the jobs read; values are added by hand."
  type        = set(string)
  default     = []
}

variable "spark" {
  description = "Where Spark runs: dataproc or emr."
  type        = string
  default     = "dataproc"

  validation {
    condition     = contains(["dataproc", "emr"], var.spark)
    error_message = "Spark runs on dataproc or emr; ${var.spark} is neither."
  }
}

variable "image" {
  description = "Image that Spark jobs run in: the commit that a release has pushed it under. Null: the engine's own, without the jobs and their packages."
  type        = string
  default     = null

  validation {
    condition     = var.image == null || can(regex("^[0-9a-f]{40}$", var.image))
    error_message = "An image is named by the commit it was built from, forty hex digits; ${coalesce(var.image, "-")} is none."
  }
}

variable "emr_release" {
  description = "Release of EMR, where Spark runs there."
  type        = string
  default     = null

  validation {
    condition     = var.spark != "emr" || var.emr_release != null
    error_message = "Spark on emr needs emr_release, such as emr-7.9.0."
  }
}

variable "airflow" {
  description = "The managed Airflow: none, composer (beside dataproc) or mwaa (beside emr)."
  type        = string
  default     = "none"

  validation {
    condition     = contains(["none", { dataproc = "composer", emr = "mwaa" }[var.spark]], var.airflow)
    error_message = "Airflow is none, composer beside Spark on dataproc, or mwaa beside Spark on emr; ${var.airflow} beside ${var.spark} is none of these."
  }
}

variable "airflow_version" {
  description = "Composer's image (composer-3-airflow-3...) or MWAA's version of Airflow (3...)."
  type        = string
  default     = null

  validation {
    condition     = var.airflow == "none" || var.airflow_version != null
    error_message = "A managed Airflow needs airflow_version."
  }
}

variable "billing_account" {
  description = "Google billing account that pays for the project."
  type        = string
}

variable "google_monthly" {
  description = "What a month on Google may cost, in whole units of the billing account's currency."
  type        = number
}

variable "aws_monthly_usd" {
  description = "What a month on AWS may cost [USD]."
  type        = number
}

variable "alert_emails" {
  description = "Whom AWS tells about its budget; Google tells the billing account's administrators."
  type        = set(string)
}

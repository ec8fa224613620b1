locals {
  # Exactly what jobs/settings.py and the clouds' own clients read.
  settings = merge(
    {
      PVDAQ_BUCKET         = var.pvdaq_bucket
      OGE_BUCKET           = var.oge_bucket
      LANDING_BUCKET       = module.landing_bucket.name
      PUDL_BUCKET          = var.pudl_bucket
      STAGING              = module.staging_bucket.uri
      WAREHOUSE            = "bigquery://${var.google_project}/${module.bigquery.dataset}?location=${module.bigquery.location}"
      SPARK_PROFILE        = var.spark
      AWS_DEFAULT_REGION   = var.aws_region
      GOOGLE_CLOUD_PROJECT = var.google_project
    },
    var.spark == "dataproc" ? {
      AWS_ROLE_ARN             = module.aws_identity.role.arn
      DATAPROC_REGION          = module.dataproc[0].runtime.region
      DATAPROC_SUBNETWORK      = module.dataproc[0].runtime.subnetwork
      DATAPROC_SERVICE_ACCOUNT = module.dataproc[0].runtime.service_account
    } : {},
    var.spark == "dataproc" && var.image != null ? { SPARK_IMAGE = module.dataproc[0].runtime.image } : {},
    # The application itself has the image.
    var.spark == "emr" ? {
      EMR_APPLICATION = module.emr[0].runtime.application
      EMR_ROLE        = module.aws_identity.role.arn
    } : {},
  )
}

output "settings" {
  description = "The jobs' settings, as environment variables."
  value       = local.settings
}

output "google_credentials_on_aws" {
  description = "The file that GOOGLE_APPLICATION_CREDENTIALS names on AWS; it holds no secret."
  value       = module.google_identity.credentials_on_aws
}

output "runtime" {
  description = "What Spark jobs are submitted with."
  value       = one(concat(module.dataproc[*].runtime, module.emr[*].runtime))
}

output "airflow" {
  description = "The managed Airflow, where there is one."
  value       = one(concat(module.composer[*].airflow, module.mwaa[*].airflow))
}

output "tables" {
  description = "Every table and view, by name."
  value       = module.bigquery.tables
}

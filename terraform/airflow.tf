# The managed Airflow, where one is wanted, with the DAGs and the jobs they import.

locals {
  bundle = merge(
    { for file in fileset(local.dags, "**/*.py") : file => "${local.dags}/${file}" },
    { for file in fileset(local.jobs, "**/*.{py,yaml,sql,csv}") : "jobs/${file}" => "${local.jobs}/${file}" },
    # Airflow takes every Python file in its folder for a DAG file, unless it is told otherwise.
    { ".airflowignore" = "${path.root}/airflowignore" },
  )

  # Neither brings what the jobs import; MWAA also lacks Google's provider.
  pinned = { for name in ["jobs", "airflow"] : name => {
    for pin in regexall("(?m)^([a-z0-9-]+)(==[0-9.]+)$", file("${path.root}/../requirements-${name}.in")) : pin[0] => pin[1]
  } }
  packages = local.pinned["jobs"]
  google   = "apache-airflow-providers-google"
}

module "composer" {
  source = "./modules/composer"
  count  = var.airflow == "composer" ? 1 : 0

  project  = var.google_project
  name     = local.name
  region   = var.google_region
  image    = var.airflow_version
  network  = module.dataproc[0].network
  jobs     = module.google_identity.jobs
  settings = local.settings
  bundle   = local.bundle

  requirements = local.packages
}

module "mwaa" {
  source = "./modules/mwaa"
  count  = var.airflow == "mwaa" ? 1 : 0

  name           = local.name
  bucket         = "${local.name}-airflow-${var.aws_account}"
  airflow        = var.airflow_version
  subnets        = module.aws_network[0].subnets
  security_group = module.aws_network[0].security_group
  jobs_role      = module.aws_identity.role.arn
  application    = module.emr[0].runtime.application
  landing_bucket = module.landing_bucket.arn
  settings       = local.settings
  bundle         = local.bundle
  requirements   = merge(local.packages, { (local.google) = local.pinned["airflow"][local.google] })
}

# terraform test -var-file=envs/dev/terraform.tfvars, or prod's: the environment as it would be planned.

mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "111111111111" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

mock_provider "google" {
  mock_data "google_project" {
    defaults = { number = "123456789012" }
  }
}

run "the_environment_has_every_table_and_the_settings" {
  command = plan

  assert {
    condition     = toset(keys(output.tables)) == toset([for file in fileset("../jobs/tables", "*.yaml") : trimsuffix(file, ".yaml")])
    error_message = "The plan has not exactly the contracts' tables and views."
  }

  assert {
    condition = [
      for name in ["LANDING_BUCKET", "STAGING", "WAREHOUSE", "SPARK_PROFILE", "DATAPROC_REGION"] : output.settings[name]
      ] == [
      "sunledger-${var.environment}-landing-${var.aws_account}",
      "gs://${var.google_project}-staging/staging",
      "bigquery://${var.google_project}/sunledger?location=EU",
      "dataproc",
      var.google_region,
    ]
    error_message = "Some setting leads elsewhere."
  }

  assert {
    condition     = length(setsubtract(["DATAPROC_SUBNETWORK", "DATAPROC_SERVICE_ACCOUNT"], keys(output.settings))) == 0
    error_message = "A batch lacks its place."
  }

  assert {
    condition     = !contains(keys(output.settings), "EMR_APPLICATION") && !contains(keys(output.settings), "SPARK_IMAGE")
    error_message = "A setting has no value."
  }
}

run "with_composer" {
  command = plan

  variables {
    airflow         = "composer"
    airflow_version = "composer-3-airflow-3.3.2"
    secrets         = ["epa-api-key"]
  }

  assert {
    condition     = length(module.composer) == 1 && length(module.mwaa) == 0
    error_message = "There is not one Airflow, Composer."
  }
}

run "with_emr_and_mwaa" {
  command = plan

  variables {
    spark           = "emr"
    emr_release     = "emr-7.9.0"
    airflow         = "mwaa"
    airflow_version = "3.3.2"
  }

  override_module {
    target = module.aws_network
    outputs = {
      subnets        = ["subnet-1", "subnet-2"]
      security_group = "sg-1"
    }
  }

  assert {
    condition     = output.settings["SPARK_PROFILE"] == "emr" && length(module.dataproc) == 0
    error_message = "Spark does not run on EMR alone."
  }

  assert {
    condition     = length(setsubtract(["EMR_APPLICATION", "EMR_ROLE"], keys(output.settings))) == 0
    error_message = "A job run lacks its place."
  }
}

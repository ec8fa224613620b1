mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::example-dags" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/sunledger-dev-airflow" }
  }
}

variables {
  name           = "sunledger-dev"
  bucket         = "example-dags"
  airflow        = "3.3.2"
  subnets        = ["subnet-1", "subnet-2"]
  security_group = "sg-1"
  jobs_role      = "arn:aws:iam::123456789012:role/sunledger-dev-jobs"
  application    = "00f1"
  landing_bucket = "arn:aws:s3:::example-landing"
  settings       = { SPARK_PROFILE = "emr", WAREHOUSE = "bigquery://example-dev/sunledger?location=EU" }
  requirements   = { duckdb = "==2.0.0" }
  bundle         = { "pv.py" = "../../../dags/pv.py" }
}

run "airflow_gets_the_settings_and_is_private" {
  assert {
    condition     = strcontains(aws_s3_object.startup.content, "export WAREHOUSE='bigquery://example-dev/sunledger?location=EU'\n")
    error_message = "Airflow reads other settings than the jobs."
  }

  assert {
    condition     = aws_s3_object.requirements.content == "duckdb==2.0.0\n"
    error_message = "Airflow lacks what the jobs import."
  }

  assert {
    condition     = aws_mwaa_environment.this.webserver_access_mode == "PRIVATE_ONLY"
    error_message = "Airflow is open to the world."
  }

  assert {
    condition     = aws_s3_object.bundle["pv.py"].key == "dags/pv.py"
    error_message = "The bundle is not in the DAG folder."
  }

  assert {
    condition     = one([for statement in data.aws_iam_policy_document.airflow.statement : statement.resources if statement.sid == "AsJobs"]) == toset([var.jobs_role])
    error_message = "Airflow may pass another role than the jobs'."
  }
}

run "an_older_airflow_is_refused" {
  command = plan

  variables {
    airflow = "3.1.8"
  }

  expect_failures = [var.airflow]
}

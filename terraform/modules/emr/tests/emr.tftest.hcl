mock_provider "aws" {}

variables {
  name           = "sunledger-dev"
  release        = "emr-7.9.0"
  subnets        = ["subnet-1", "subnet-2"]
  security_group = "sg-1"
}

run "it_stops_when_idle_and_has_a_ceiling" {
  assert {
    condition     = one(aws_emrserverless_application.spark.auto_stop_configuration).enabled
    error_message = "It runs, and costs, when nobody uses it."
  }

  assert {
    condition     = one(aws_emrserverless_application.spark.maximum_capacity).cpu == "64 vCPU"
    error_message = "There is no ceiling."
  }
}

run "a_release_that_is_none_is_refused" {
  command = plan

  variables {
    release = "7.9.0"
  }

  expect_failures = [var.release]
}

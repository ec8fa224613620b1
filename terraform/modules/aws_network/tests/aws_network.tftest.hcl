mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-central-1a", "eu-central-1b", "eu-central-1c"] }
  }
}

variables {
  name = "sunledger-dev"
}

run "workers_are_in_two_zones_and_nobody_reaches_them" {
  assert {
    condition     = length(output.subnets) == 2 && keys(aws_subnet.private) == ["eu-central-1a", "eu-central-1b"]
    error_message = "There are not two private subnets in two zones."
  }

  assert {
    condition     = alltrue([for rule in aws_security_group.workers.ingress : rule.self && length(coalesce(rule.cidr_blocks, [])) == 0])
    error_message = "Somebody outside may reach the workers."
  }
}

run "a_network_too_small_is_refused" {
  command = plan

  variables {
    addresses = "10.81.0.0/28"
  }

  expect_failures = [var.addresses]
}

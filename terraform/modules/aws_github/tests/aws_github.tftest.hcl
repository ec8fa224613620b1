mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  name         = "sunledger-dev"
  environment  = "dev"
  repository   = "example/sunledger"
  state_bucket = "arn:aws:s3:::sunledger-dev-state-123456789012"
}

run "one_repository_is_trusted_and_pull_requests_only_plan" {
  assert {
    condition = { for name, document in data.aws_iam_policy_document.trust : name => one([
      for condition in document.statement[0].condition : one(condition.values) if endswith(condition.variable, ":sub")
    ]) } == { plan = "repo:example/sunledger:pull_request", apply = "repo:example/sunledger:environment:dev" }
    error_message = "Another repository, branch or event could take a role."
  }

  assert {
    condition     = alltrue([for action in flatten([for statement in data.aws_iam_policy_document.plan.statement : tolist(statement.actions)]) : can(regex(":(Get|List|Describe|View)", action))])
    error_message = "A pull request may change something."
  }

  assert {
    condition     = !contains(flatten([for statement in data.aws_iam_policy_document.plan.statement : tolist(statement.actions)]), "s3:GetObject")
    error_message = "A pull request may read landed files."
  }
}

run "all_repositories_of_an_owner_are_refused" {
  command = plan

  variables {
    repository = "example/*"
  }

  expect_failures = [var.repository]
}

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name           = "sunledger-dev-jobs"
  landing_bucket = "arn:aws:s3:::example-landing"
  google_account = "100000000000000000001"
  audience       = "sunledger-dev"
}

run "the_role_only_reads_and_only_landing" {
  assert {
    condition     = alltrue([for statement in data.aws_iam_policy_document.landing.statement : alltrue([for action in statement.actions : can(regex("^s3:(Get|List)", action))])])
    error_message = "The role may do more than read."
  }

  assert {
    condition     = toset(flatten([for statement in data.aws_iam_policy_document.landing.statement : tolist(statement.resources)])) == toset(["arn:aws:s3:::example-landing", "arn:aws:s3:::example-landing/*"])
    error_message = "The role reads more than the landing bucket."
  }
}

run "one_google_account_may_act_as_the_role" {
  assert {
    condition = alltrue([
      for condition in data.aws_iam_policy_document.trust.statement[0].condition :
      contains([toset(["100000000000000000001"]), toset(["sunledger-dev"])], toset(condition.values))
    ]) && length(data.aws_iam_policy_document.trust.statement[0].condition) == 3
    error_message = "Another Google account could act as the role."
  }
}

mock_provider "aws" {}

variables {
  name        = "sunledger-dev"
  monthly_usd = 100
  emails      = ["operator@example.org"]
}

run "it_tells_before_the_money_is_gone" {
  assert {
    condition     = contains([for notification in aws_budgets_budget.month.notification : notification.threshold], 50)
    error_message = "Nobody is told in time."
  }
}

run "a_budget_that_tells_nobody_is_refused" {
  command = plan

  variables {
    emails = []
  }

  expect_failures = [var.emails]
}

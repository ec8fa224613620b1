mock_provider "google" {}

variables {
  billing_account = "000000-000000-000000"
  project_number  = "123456789012"
  name            = "sunledger-dev"
  monthly_amount  = 200
}

run "it_tells_before_the_money_is_gone" {
  command = plan

  assert {
    condition     = contains(google_billing_budget.month.threshold_rules[*].threshold_percent, 0.5) && contains(google_billing_budget.month.threshold_rules[*].spend_basis, "FORECASTED_SPEND")
    error_message = "Nobody is told in time."
  }
}

run "no_budget_is_refused" {
  command = plan

  variables {
    monthly_amount = 0
  }

  expect_failures = [var.monthly_amount]
}

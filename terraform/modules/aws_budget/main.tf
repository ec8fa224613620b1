resource "aws_budgets_budget" "month" {
  name         = var.name
  budget_type  = "COST"
  time_unit    = "MONTHLY"
  limit_amount = format("%.1f", var.monthly_usd)
  limit_unit   = "USD"

  dynamic "notification" {
    for_each = { 50 = "ACTUAL", 90 = "ACTUAL", 100 = "FORECASTED" }

    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.key
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.value
      subscriber_email_addresses = var.emails
    }
  }
}

output "id" {
  description = "Id of the budget."
  value       = aws_budgets_budget.month.id
}

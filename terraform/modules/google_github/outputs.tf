output "accounts" {
  description = "Address of the account that plans and of the one that applies."
  value       = { for name, account in google_service_account.github : name => account.email }
}

output "provider" {
  description = "Name of the workload identity provider."
  value       = google_iam_workload_identity_pool_provider.github.name
}

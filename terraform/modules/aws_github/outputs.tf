output "roles" {
  description = "ARN of the role that plans and of the one that applies."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}

output "subnets" {
  description = "The two private subnets."
  value       = [for subnet in aws_subnet.private : subnet.id]
}

output "security_group" {
  description = "The workers' group."
  value       = aws_security_group.workers.id
}

output "role" {
  description = "The jobs' role: its ARN, AWS_ROLE_ARN on Google, and its name."
  value = {
    arn  = aws_iam_role.jobs.arn
    name = aws_iam_role.jobs.name
  }
}

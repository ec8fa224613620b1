output "airflow" {
  description = "Where Airflow is, and which role it runs as."
  value = {
    url  = "https://${aws_mwaa_environment.this.webserver_url}"
    dags = "s3://${aws_s3_bucket.dags.bucket}/dags"
    role = aws_iam_role.airflow.arn
  }
}

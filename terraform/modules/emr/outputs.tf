output "runtime" {
  description = "What a job run is started with."
  value = {
    application = aws_emrserverless_application.spark.id
    images      = aws_ecr_repository.images.repository_url
  }
}

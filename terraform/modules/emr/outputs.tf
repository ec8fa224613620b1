output "runtime" {
  description = "What a job run is started with."
  value = {
    application = aws_emrserverless_application.spark.id
    release     = aws_emrserverless_application.spark.release_label
    images      = aws_ecr_repository.images.repository_url
    image       = var.image == null ? null : "${aws_ecr_repository.images.repository_url}:${var.image}"
  }
}

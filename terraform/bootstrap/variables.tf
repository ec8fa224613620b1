variable "environment" {
  description = "dev or prod."
  type        = string
}

variable "aws_account" {
  description = "AWS account of the environment."
  type        = string
}

variable "aws_region" {
  description = "AWS region of the bucket with the state."
  type        = string
}

variable "google_project" {
  description = "Google Cloud project of the environment."
  type        = string
}

variable "github_repository" {
  description = "The repository whose workflows plan and apply, as owner/name; null where none does."
  type        = string
  default     = null
}

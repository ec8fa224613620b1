variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "region" {
  description = "Region that Spark runs in; inside the location of the staging bucket, so that reading it is free."
  type        = string

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]$", var.region))
    error_message = "Dataproc Serverless runs in one region, such as europe-west4; ${var.region} is none."
  }
}

variable "jobs" {
  description = "The service account that batches run as."
  type = object({
    email  = string
    member = string
    name   = string
  })
}

variable "addresses" {
  description = "Addresses of the subnet that executors get theirs from."
  type        = string
  default     = "10.80.0.0/20"
}

variable "image" {
  description = "Tag of the image that batches run in; null for Google's own, which lacks the jobs and their packages."
  type        = string
  default     = null
}

variable "labels" {
  description = "Labels of the image repository."
  type        = map(string)
  default     = {}
}

variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "environment" {
  description = "GitHub environment that may apply: dev or prod."
  type        = string
}

variable "repository" {
  description = "The one repository that is trusted, as owner/name."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "Trust goes to one repository, as owner/name; ${var.repository} is none."
  }
}

variable "state_bucket" {
  description = "ARN of the bucket with the state."
  type        = string
}

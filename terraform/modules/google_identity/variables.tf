variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,21}[a-z0-9]$", var.name))
    error_message = "The name has 4 to 23 small letters, digits and dashes, and begins with a letter: accounts and pools are named after it."
  }
}

variable "dataset" {
  description = "Dataset that the jobs write and the analysts read."
  type        = string
}

variable "analysts" {
  description = "IAM members that may query the dataset, such as group:analysts@example.org."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setintersection(var.analysts, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The dataset is private: allUsers and allAuthenticatedUsers cannot be analysts."
  }
}

variable "aws" {
  description = "AWS account, and the one role in it that may act as the jobs."
  type = object({
    account = string
    role    = string
  })
}

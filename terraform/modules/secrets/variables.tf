variable "project" {
  description = "Google Cloud project."
  type        = string
}

variable "location" {
  description = "Region that the values are kept in, such as europe-west4."
  type        = string
}

variable "names" {
  description = "Names of the secrets, such as epa-api-key. Their values are added by hand and never pass through Terraform."
  type        = set(string)

  validation {
    condition     = alltrue([for name in var.names : can(regex("^[A-Za-z][A-Za-z0-9_-]*$", name))])
    error_message = "A secret's name begins with a letter and has letters, digits, dashes and underscores; it is a name, not a value."
  }
}

variable "readers" {
  description = "IAM members that may read every one of them: the jobs."
  type        = map(string)
}

variable "labels" {
  description = "Labels of the secrets."
  type        = map(string)
  default     = {}
}

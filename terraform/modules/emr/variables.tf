variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "release" {
  description = "Release of EMR, such as emr-7.9.0; its Spark must be one that the jobs run on."
  type        = string

  validation {
    condition     = startswith(var.release, "emr-")
    error_message = "A release of EMR begins with emr-, such as emr-7.9.0."
  }
}

variable "image" {
  description = "Tag of the image that jobs run in; null for the release's own, which lacks the jobs and their packages."
  type        = string
  default     = null
}

variable "subnets" {
  description = "Private subnets with a way out to Google."
  type        = list(string)
}

variable "security_group" {
  description = "The workers' group."
  type        = string
}

variable "most_vcpu" {
  description = "Most that runs at once [vCPU]; four times as many GB of memory go with it."
  type        = number
  default     = 64
}

variable "name" {
  description = "Name of the bucket; unique in the world."
  type        = string
}

variable "writers" {
  description = "IAM roles and users, by ARN, that may put files here. The jobs only read."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.writers : can(regex("^arn:[^:]+:iam::[0-9]{12}:(role|user)/", arn))])
    error_message = "The landing bucket is private: name its writers as arn:aws:iam::<account>:role/<name> or user/<name>, never *."
  }
}

variable "superseded_days" {
  description = "How long an object's older versions are kept [days]; a checkpoint names the version it loaded."
  type        = number
  default     = 365
}

variable "inventory_days" {
  description = "How long the daily inventory lists are kept [days]."
  type        = number
  default     = 30
}

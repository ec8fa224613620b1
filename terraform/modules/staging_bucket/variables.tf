variable "project" {
  description = "Google Cloud project of the bucket."
  type        = string
}

variable "name" {
  description = "Name of the bucket; unique in the world."
  type        = string
}

variable "location" {
  description = "Location of the bucket."
  type        = string
}

variable "dataset_location" {
  description = "Location of the dataset that is loaded from here."
  type        = string

  validation {
    condition     = upper(var.dataset_location) == upper(var.location)
    error_message = "The staging bucket is in ${var.location} and the dataset in ${var.dataset_location}: BigQuery loads for free only from its own location, so give both the same."
  }
}

variable "writers" {
  description = "IAM members that read and write staged files: the jobs."
  type        = map(string)

  validation {
    condition     = length(setintersection(values(var.writers), ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The staging bucket is private: allUsers and allAuthenticatedUsers cannot be let in."
  }
}

variable "readers" {
  description = "IAM members that read staged files, such as a group of researchers."
  type        = set(string)
  default     = []

  validation {
    condition     = length(setintersection(var.readers, ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "The staging bucket is private: allUsers and allAuthenticatedUsers cannot be let in."
  }
}

variable "deleted_days" {
  description = "How long a deleted file can still be had back [days]."
  type        = number
  default     = 7
}

variable "labels" {
  description = "Labels of the bucket."
  type        = map(string)
  default     = {}
}

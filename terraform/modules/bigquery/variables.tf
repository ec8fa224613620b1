variable "project" {
  description = "Google Cloud project of the dataset."
  type        = string
}

variable "dataset" {
  description = "Name of the dataset."
  type        = string

  validation {
    condition     = can(regex("^[A-Za-z0-9_]+$", var.dataset))
    error_message = "A dataset's name has letters, digits and underscores only."
  }
}

variable "location" {
  description = "Location of the dataset, such as EU or europe-west4. It can never be changed."
  type        = string
}

variable "contracts" {
  description = "Folder of the contracts."
  type        = string
}

variable "lock" {
  description = "File with the published columns; null where nothing is published yet."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Refuse to delete a table or view, or to make it anew."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Labels of the dataset."
  type        = map(string)
  default     = {}
}

variable "classified_readers" {
  description = "Who may read classified columns, by class: IAM members, such as group:stewards@example.org."
  type        = map(set(string))
  default     = {}

  validation {
    condition     = length(setintersection(flatten([for members in values(var.classified_readers) : tolist(members)]), ["allUsers", "allAuthenticatedUsers"])) == 0
    error_message = "A classified column cannot be open to the public: name groups or accounts, not allUsers or allAuthenticatedUsers."
  }
}

variable "jobs" {
  description = "IAM member of the jobs, which read every class of columns; null where only the tables are made."
  type        = string
  default     = null
}

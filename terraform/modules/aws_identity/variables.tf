variable "name" {
  description = "Name of the jobs' role."
  type        = string
}

variable "landing_bucket" {
  description = "ARN of the landing bucket."
  type        = string
}

variable "google_account" {
  description = "Unique number of the Google service account that may act as the jobs."
  type        = string
}

variable "audience" {
  description = "What a Google token must be made for, to be taken here."
  type        = string
}

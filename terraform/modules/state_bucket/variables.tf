variable "name" {
  description = "Name of the bucket; unique in the world."
  type        = string
}

variable "superseded_days" {
  description = "How long older states are kept [days]."
  type        = number
  default     = 90
}

variable "billing_account" {
  description = "Billing account that pays for the project."
  type        = string
}

variable "project_number" {
  description = "Number of the project."
  type        = string
}

variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "monthly_amount" {
  description = "What a month may cost, in whole units of the billing account's currency."
  type        = number

  validation {
    condition     = var.monthly_amount >= 1 && floor(var.monthly_amount) == var.monthly_amount
    error_message = "A budget is a whole number of at least 1."
  }
}

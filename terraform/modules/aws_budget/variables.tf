variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "monthly_usd" {
  description = "What a month in the account may cost [USD]."
  type        = number

  validation {
    condition     = var.monthly_usd >= 1
    error_message = "A budget is at least 1 USD."
  }
}

variable "emails" {
  description = "Whom to tell."
  type        = set(string)

  validation {
    condition     = length(var.emails) > 0 && alltrue([for address in var.emails : strcontains(address, "@")])
    error_message = "A budget that tells nobody is of no use: give at least one e-mail address."
  }
}

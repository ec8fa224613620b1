variable "name" {
  description = "Name of the environment's resources, such as sunledger-dev."
  type        = string
}

variable "addresses" {
  description = "Addresses of the network, a /16."
  type        = string
  default     = "10.81.0.0/16"

  validation {
    condition     = can(cidrsubnet(var.addresses, 4, 2)) && endswith(var.addresses, "/16")
    error_message = "The network needs a /16 such as 10.81.0.0/16: it is cut into one public and two private subnets."
  }
}

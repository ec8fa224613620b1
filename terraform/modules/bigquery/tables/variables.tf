variable "place" {
  description = "Where the tables are, and whether they may be deleted."
  type = object({
    project             = string
    dataset             = string
    deletion_protection = bool
  })
}

variable "resources" {
  description = "Tables and views by name, as BigQuery's REST table resources; `schema` is JSON."
  type        = any
}

variable "folder" {
  description = "Folder of the contracts: one ODCS document per table or view, and a view's query beside it."
  type        = string
}

variable "lock" {
  description = "File with the columns that readers have been promised; null where nothing is published yet."
  type        = string
  default     = null
}

variable "dataset" {
  description = "Dataset that a view's query reads, as project.dataset."
  type        = string
}

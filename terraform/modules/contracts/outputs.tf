output "resources" {
  description = "Each table and view as BigQuery's REST table resource, without place and policy tags; null where absent."
  value       = local.resources

  precondition {
    condition     = length(local.unusable) + length(local.too_deep) == 0
    error_message = join("\n", concat(local.unusable, local.too_deep))
  }

  precondition {
    condition     = length(local.broken) == 0
    error_message = "${join("\n", local.broken)}\nReaders would lose it, and BigQuery its values. Put it back; or, once its readers have agreed, take its line out of the lock."
  }
}

output "ranks" {
  description = "Names of the tables, first those whose foreign keys lead nowhere, then those that lead to them, and so on."
  value       = [local.rank_0, local.rank_1, local.rank_2]
}

output "views" {
  description = "Names of the views."
  value       = toset([for name, contract in local.contracts : name if contract.is_view])
}

output "classifications" {
  description = "By table: the columns whose contract classifies them as anything but public, and the class."
  value       = local.classifications
}

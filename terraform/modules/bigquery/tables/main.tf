# The REST resource, word for word, in the provider's words.
#
# `ignore_changes = [schema]` would keep Terraform from a column that a newer release of the jobs has added, but also from
# every column that a contract adds: no plan would have it. The provider compares columns by name, so what the jobs add
# from the same contract is no change; and a plan that would take a column is refused by `columns.py plan`.
resource "google_bigquery_table" "this" {
  #checkov:skip=CKV_GCP_80:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it

  for_each = var.resources

  project             = var.place.project
  dataset_id          = var.place.dataset
  table_id            = each.key
  deletion_protection = var.place.deletion_protection

  description              = each.value.description
  labels                   = each.value.labels
  schema                   = each.value.schema
  require_partition_filter = each.value.requirePartitionFilter
  clustering               = try(each.value.clustering.fields, null)

  dynamic "time_partitioning" {
    for_each = each.value.timePartitioning[*]

    content {
      type          = time_partitioning.value.type
      field         = time_partitioning.value.field
      expiration_ms = time_partitioning.value.expirationMs
    }
  }

  dynamic "table_constraints" {
    for_each = each.value.tableConstraints[*]

    content {
      dynamic "primary_key" {
        for_each = table_constraints.value.primaryKey[*]

        content {
          columns = primary_key.value.columns
        }
      }

      dynamic "foreign_keys" {
        for_each = coalesce(table_constraints.value.foreignKeys, [])

        content {
          name = foreign_keys.value.name

          referenced_table {
            project_id = var.place.project
            dataset_id = var.place.dataset
            table_id   = foreign_keys.value.referencedTable.tableId
          }

          column_references {
            referencing_column = foreign_keys.value.columnReferences[0].referencingColumn
            referenced_column  = foreign_keys.value.columnReferences[0].referencedColumn
          }
        }
      }
    }
  }

  dynamic "view" {
    for_each = each.value.view[*]

    content {
      query          = view.value.query
      use_legacy_sql = view.value.useLegacySql
    }
  }
}

output "ids" {
  description = "Full id of each table."
  value       = { for name, table in google_bigquery_table.this : name => table.id }
}

output "made" {
  description = "Each table as it is asked for from BigQuery."
  value = {
    for name, table in google_bigquery_table.this : name => {
      description              = table.description
      labels                   = table.labels
      schema                   = table.schema
      require_partition_filter = table.require_partition_filter
      clustering               = table.clustering
      time_partitioning        = table.time_partitioning
      table_constraints        = table.table_constraints
      view                     = table.view
      deletion_protection      = table.deletion_protection
    }
  }
}

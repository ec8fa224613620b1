# Reads the contracts and writes each as the table resource of BigQuery's REST interface, the shape in which the jobs
# write it too. There is no provider here, so all of it can be tested with nothing but Terraform.

locals {
  # The REST interface has names of its own for three of GoogleSQL's types.
  types = {
    INT64     = "INTEGER"
    FLOAT64   = "FLOAT"
    BOOL      = "BOOLEAN"
    STRING    = "STRING"
    DATE      = "DATE"
    DATETIME  = "DATETIME"
    TIMESTAMP = "TIMESTAMP"
  }

  documents = {
    for file in fileset(var.folder, "*.yaml") : trimsuffix(file, ".yaml") => yamldecode(file("${var.folder}/${file}"))
  }

  contracts = {
    for name, document in local.documents : name => {
      document = document
      schema   = document.schema[0]
      columns  = document.schema[0].properties
      custom   = { for entry in try(document.schema[0].customProperties, []) : entry.property => entry.value }
      is_view  = document.schema[0].physicalType == "view"
      query    = "${var.folder}/${name}.sql"
      # Only a foreign key that always holds is told to BigQuery: it plans queries by it, and never enforces it.
      foreign_keys = [
        for key in flatten([
          for column in document.schema[0].properties : [
            for relation in try(column.relationships, []) : { column = column.name, to = split(".", relation.to) }
            if relation.type == "foreignKey" &&
            anytrue([for entry in try(relation.customProperties, []) : entry.property == "holds" && entry.value])
          ]
        ]) : { column = key.column, table = key.to[0], references = key.to[1] }
      ]
    }
  }

  resources = {
    for name, contract in local.contracts : name => {
      description = "${contract.schema.description} ${contract.schema.dataGranularityDescription}"
      labels = {
        domain   = contract.document.domain
        layer    = split("_", name)[0]
        contract = replace(contract.document.version, ".", "-")
      }
      schema = {
        fields = [
          for column in contract.columns : {
            name        = column.name
            type        = lookup(local.types, column.physicalType, column.physicalType)
            mode        = try(column.required, false) ? "REQUIRED" : "NULLABLE"
            description = column.description
          }
        ]
      }
      timePartitioning = one([
        for column in contract.columns : {
          type  = try(contract.custom.partitionUnit, "DAY")
          field = column.name
          expirationMs = one([
            for promise in try(contract.document.slaProperties, []) : format("%d", promise.value * 24 * 60 * 60 * 1000)
            if promise.property == "retention"
          ])
        } if column.name == local.partitions[name]
      ])
      requirePartitionFilter = try(contract.custom.requirePartitionFilter, null)
      clustering             = can(contract.custom.clusterBy) ? { fields = contract.custom.clusterBy } : null
      tableConstraints = length(local.keys[name]) + length(contract.foreign_keys) == 0 ? null : {
        primaryKey = length(local.keys[name]) == 0 ? null : { columns = local.keys[name] }
        foreignKeys = length(contract.foreign_keys) == 0 ? null : [
          for key in contract.foreign_keys : {
            name             = "${key.column}_in_${key.table}"
            referencedTable  = { tableId = key.table }
            columnReferences = [{ referencingColumn = key.column, referencedColumn = key.references }]
          }
        ]
      }
      view = !contract.is_view || !fileexists(contract.query) ? null : {
        query        = templatefile(contract.query, { dataset = var.dataset })
        useLegacySql = false
      }
    }
  }

  # A second partition column is a fault, reported with the others.
  partitions = {
    for name, contract in local.contracts : name => try(
      [for column in contract.columns : column.name if try(column.partitioned, false)][0], null
    )
  }

  # Positions are padded, for the order of a map's keys is that of text.
  keys = {
    for name, contract in local.contracts : name => values({
      for column in contract.columns : format("%04d", column.primaryKeyPosition) => column.name
      if try(column.primaryKey, false)
    })
  }

  classifications = {
    for name, contract in local.contracts : name => {
      for column in contract.columns : column.name => column.classification
      if try(column.classification, "public") != "public"
    }
  }

  # BigQuery wants the table that a foreign key leads to first. Tables of one rank are made together.
  tables = { for name, contract in local.contracts : name => contract if !contract.is_view }
  leads_to = {
    for name, contract in local.tables : name => setsubtract(contract.foreign_keys[*].table, [name])
  }
  rank_0 = toset([for name, to in local.leads_to : name if length(to) == 0])
  rank_1 = toset([
    for name, to in local.leads_to : name
    if !contains(local.rank_0, name) && length(setsubtract(to, local.rank_0)) == 0
  ])
  rank_2 = toset([
    for name, to in local.leads_to : name
    if !contains(setunion(local.rank_0, local.rank_1), name) &&
    length(setsubtract(to, setunion(local.rank_0, local.rank_1))) == 0
  ])
}

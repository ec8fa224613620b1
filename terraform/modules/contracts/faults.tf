# All that is wrong with the contracts, one sentence each. An output's precondition refuses them together.

locals {
  most_clustering_columns = 4
  time_types              = ["DATE", "DATETIME", "TIMESTAMP"]

  unusable = flatten([
    for name, contract in local.contracts : concat(
      contract.schema.name == name ? [] : ["Contract ${name} describes ${contract.schema.name}: name the file after its table."],
      contains(["table", "view"], contract.schema.physicalType) ? [] : ["Contract ${name} is a ${contract.schema.physicalType}: BigQuery gets tables and views only."],
      contract.is_view == fileexists(contract.query) ? [] : ["Contract ${name} is a ${contract.schema.physicalType}, and ${name}.sql is ${fileexists(contract.query) ? "there" : "missing"}: a view has its query beside it, a table has none."],
      [for column in contract.columns : "Column ${name}.${column.name} has the unknown type ${column.physicalType}: take one of ${join(", ", keys(local.types))}." if !contains(keys(local.types), column.physicalType)],
      [for column in contract.columns : "Column ${name}.${column.name} has no description." if try(trimspace(column.description), "") == ""],
      length(try(contract.custom.clusterBy, [])) <= local.most_clustering_columns ? [] : ["Contract ${name} clusters by ${length(contract.custom.clusterBy)} columns: BigQuery takes ${local.most_clustering_columns} at most."],
      [for wanted in try(contract.custom.clusterBy, []) : "Contract ${name} clusters by ${wanted}, which is none of its columns." if !contains(contract.columns[*].name, wanted)],
      length([for column in contract.columns : column if try(column.partitioned, false)]) <= 1 ? [] : ["Contract ${name} is partitioned by more than one column."],
      [for column in contract.columns : "Column ${name}.${column.name} cannot partition its table: it is ${column.physicalType}, and not one of ${join(", ", local.time_types)}." if try(column.partitioned, false) && !contains(local.time_types, column.physicalType)],
      [for promise in try(contract.document.slaProperties, []) : "Contract ${name} keeps rows for ${promise.value} ${promise.unit}: retention is a number of days (unit d) of a partitioned table." if promise.property == "retention" && (promise.unit != "d" || local.partitions[name] == null)],
      !try(contract.custom.requirePartitionFilter, false) || local.partitions[name] != null ? [] : ["Contract ${name} asks for a filter by partition and has no partition."],
      [for key in contract.foreign_keys : "Column ${name}.${key.column} leads to ${key.table}.${key.references}, which is not the key of a table." if !try(local.keys[key.table] == [key.references], false)],
      !contract.is_view || !strcontains(try(file(contract.query), ""), "$${dataset}.view_") ? [] : ["View ${name} reads another view: views are made together, so a view reads tables only."],
    )
  ])

  too_deep = [
    for name in setsubtract(keys(local.leads_to), setunion(local.rank_0, local.rank_1, local.rank_2)) :
    "Table ${name} leads to others by a chain of foreign keys that is longer than two, or a circle."
  ]

  # What the lock promises, and what the contracts make of it.
  promised = var.lock == null ? {} : yamldecode(file(var.lock))
  offered = {
    for name, resource in local.resources : name => {
      for index, field in resource.schema.fields :
      field.name => "${local.contracts[name].columns[index].physicalType} ${field.mode}"
    }
  }

  broken = flatten([
    for name, columns in local.promised : !contains(keys(local.offered), name) ? [
      "${name} is published and has no contract any more."
      ] : concat(
      [for column in setsubtract(keys(columns), keys(local.offered[name])) :
      "Column ${name}.${column} is published and its contract no longer has it."],
      [for column, was in columns :
        "Column ${name}.${column} is published as ${was} and its contract says ${local.offered[name][column]}."
        if try(local.offered[name][column], was) != was && try(local.offered[name][column], "") != replace(was, "REQUIRED", "NULLABLE")
      ],
      [for column, now in local.offered[name] :
        "Column ${name}.${column} is new in a published table and required: the rows that are there have no value for it."
        if !contains(keys(columns), column) && endswith(now, "REQUIRED")
      ],
    )
  ])
}

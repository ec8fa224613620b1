# The real contracts, without a project.

mock_provider "google" {}

variables {
  project   = "example-dev"
  dataset   = "sunledger"
  location  = "EU"
  contracts = "../../../jobs/tables"
  lock      = "../../columns.lock"
}

run "every_contract_is_a_table_or_view" {
  command = plan

  assert {
    condition     = toset(keys(output.made)) == toset([for file in fileset(var.contracts, "*.yaml") : trimsuffix(file, ".yaml")])
    error_message = "The plan has not exactly the contracts' tables and views."
  }

  assert {
    condition     = alltrue(flatten([for name, table in output.made : [for field in jsondecode(table.schema) : length(field.description) > 0]]))
    error_message = "Some column has no description."
  }

  assert {
    condition     = alltrue([for name, table in output.made : table.deletion_protection])
    error_message = "Tables are to be protected unless it is said otherwise."
  }

  assert {
    condition = alltrue([
      for name, resource in module.contracts.resources :
      jsondecode(output.made[name].schema) == jsondecode(jsonencode(resource.schema.fields))
      if module.contracts.classifications[name] == {}
    ])
    error_message = "A table's schema is not its contract's."
  }
}

run "the_fact_is_partitioned_clustered_and_keyed" {
  command = plan

  assert {
    condition     = one(output.made["fact_pv_measurement"].time_partitioning).field == "timestamp"
    error_message = "fact_pv_measurement is not partitioned by timestamp."
  }

  assert {
    condition     = output.made["fact_pv_measurement"].clustering == tolist(["ss_id", "quantity"])
    error_message = "fact_pv_measurement is not clustered by ss_id and quantity."
  }

  assert {
    condition     = one(one(output.made["fact_pv_measurement"].table_constraints).primary_key).columns == tolist(["ss_id", "timestamp", "sensor"])
    error_message = "fact_pv_measurement has another key."
  }

  assert {
    condition     = strcontains(one(output.made["view_system"].view).query, "FROM `example-dev.sunledger.dim_system`")
    error_message = "The view does not read this dataset."
  }
}

run "a_dataset_with_a_dash_is_refused" {
  command = plan

  variables {
    dataset = "sun-ledger"
  }

  expect_failures = [var.dataset]
}

run "public_readers_of_classified_columns_are_refused" {
  command = plan

  variables {
    classified_readers = { restricted = ["allUsers"] }
  }

  expect_failures = [var.classified_readers]
}

run "a_classified_column_is_read_by_those_who_are_named" {
  variables {
    contracts          = "tests/classified"
    lock               = null
    classified_readers = { restricted = ["group:stewards@example.org"] }
    jobs               = "serviceAccount:jobs@example-dev.iam.gserviceaccount.com"
  }

  assert {
    condition = [for field in jsondecode(output.made["dim_person"].schema) : try(field.policyTags.names, null)] == [
      null, [google_data_catalog_policy_tag.class["restricted"].name], null
    ]
    error_message = "Not exactly the restricted column has its policy tag."
  }

  assert {
    condition     = keys(google_data_catalog_policy_tag_iam_member.reader) == ["restricted group:stewards@example.org"] && keys(google_data_catalog_policy_tag_iam_member.jobs) == ["restricted"]
    error_message = "Others than the stewards and the jobs may read it."
  }
}

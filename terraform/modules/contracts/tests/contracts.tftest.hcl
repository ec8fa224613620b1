variables {
  folder  = "../../../jobs/tables"
  lock    = "../../columns.lock"
  dataset = "example.sunledger"
}

run "the_real_contracts_are_usable_and_keep_what_they_promise" {
  command = plan

  assert {
    condition     = length(output.resources) == length(fileset(var.folder, "*.yaml"))
    error_message = "Some contract became nothing."
  }

  assert {
    condition     = alltrue([for name, columns in yamldecode(file(var.lock)) : length(columns) <= length(output.resources[name].schema.fields)])
    error_message = "The lock promises more than there is."
  }
}

run "an_unknown_type_is_refused" {
  command = plan

  variables {
    folder = "tests/unknown_type"
    lock   = null
  }

  expect_failures = [output.resources]
}

run "five_clustering_columns_are_refused" {
  command = plan

  variables {
    folder = "tests/five_clustering_columns"
    lock   = null
  }

  expect_failures = [output.resources]
}

run "a_published_column_that_is_gone_is_refused" {
  command = plan

  variables {
    lock = "tests/removed.lock"
  }

  expect_failures = [output.resources]
}

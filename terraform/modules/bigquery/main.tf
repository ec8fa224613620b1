module "contracts" {
  source = "../contracts"

  folder  = var.contracts
  lock    = var.lock
  dataset = "${var.project}.${var.dataset}"
}

resource "google_bigquery_dataset" "this" {
  #checkov:skip=CKV_GCP_81:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it

  project     = var.project
  dataset_id  = var.dataset
  location    = var.location
  description = "Sunledger's star schema: photovoltaic production and greenhouse gas emissions, exactly once."
  labels      = var.labels

  # A dataset that holds tables is never deleted, whatever is asked.
  delete_contents_on_destroy = false

  # The longest that BigQuery offers: seven days to find a mistake and read the table as it was.
  max_time_travel_hours = "168"
}

# A class of columns becomes a policy tag; who has no grant on the tag cannot read its columns.
locals {
  classes = toset(flatten([for columns in values(module.contracts.classifications) : values(columns)]))
  grants = {
    for grant in flatten([
      for class in local.classes : [
        for member in lookup(var.classified_readers, class, []) : { class = class, member = member }
      ]
    ]) : "${grant.class} ${grant.member}" => grant
  }
  policy_tags = { for class in local.classes : class => google_data_catalog_policy_tag.class[class].name }
}

resource "google_data_catalog_taxonomy" "this" {
  count = length(local.classes) > 0 ? 1 : 0

  project                = var.project
  region                 = lower(var.location)
  display_name           = "${var.dataset} classification"
  description            = "Classes of columns, as the contracts name them."
  activated_policy_types = ["FINE_GRAINED_ACCESS_CONTROL"]
}

resource "google_data_catalog_policy_tag" "class" {
  for_each = local.classes

  taxonomy     = google_data_catalog_taxonomy.this[0].id
  display_name = each.key
  description  = "Columns that their contract classifies as ${each.key}."
}

resource "google_data_catalog_policy_tag_iam_member" "reader" {
  for_each = local.grants

  policy_tag = google_data_catalog_policy_tag.class[each.value.class].name
  role       = "roles/datacatalog.categoryFineGrainedReader"
  member     = each.value.member
}

# What the jobs cannot read they cannot check or replace.
resource "google_data_catalog_policy_tag_iam_member" "jobs" {
  for_each = local.classes

  policy_tag = google_data_catalog_policy_tag.class[each.key].name
  role       = "roles/datacatalog.categoryFineGrainedReader"
  member     = var.jobs
}

locals {
  tables = {
    project             = var.project
    dataset             = google_bigquery_dataset.this.dataset_id
    deletion_protection = var.deletion_protection
  }

  resources = {
    for name, resource in module.contracts.resources : name => merge(resource, {
      schema = jsonencode([
        for field in resource.schema.fields : merge(field, contains(keys(module.contracts.classifications[name]), field.name) ? {
          policyTags = { names = [local.policy_tags[module.contracts.classifications[name][field.name]]] }
        } : {})
      ])
    })
  }
}

# Three times the same, one after the other: a foreign key needs the table that it leads to. When a new key moves a table
# to a later rank, add a `moved` block; the plan is refused until there is one, for it would make the table anew.
module "tables_0" {
  source = "./tables"

  place     = local.tables
  resources = { for name in module.contracts.ranks[0] : name => local.resources[name] }
}

module "tables_1" {
  source = "./tables"

  place      = local.tables
  resources  = { for name in module.contracts.ranks[1] : name => local.resources[name] }
  depends_on = [module.tables_0]
}

module "tables_2" {
  source = "./tables"

  place      = local.tables
  resources  = { for name in module.contracts.ranks[2] : name => local.resources[name] }
  depends_on = [module.tables_1]
}

module "views" {
  source = "./tables"

  place      = local.tables
  resources  = { for name in module.contracts.views : name => local.resources[name] }
  depends_on = [module.tables_2]
}

resource "google_secret_manager_secret" "this" {
  for_each = var.names

  project   = var.project
  secret_id = each.key
  labels    = var.labels

  replication {
    user_managed {
      replicas {
        location = var.location
      }
    }
  }
}

resource "google_secret_manager_secret_iam_member" "reader" {
  for_each = { for pair in setproduct(var.names, keys(var.readers)) : join(" ", pair) => { name = pair[0], reader = pair[1] } }

  project   = var.project
  secret_id = google_secret_manager_secret.this[each.value.name].secret_id
  role      = "roles/secretmanager.secretAccessor"
  member    = var.readers[each.value.reader]
}

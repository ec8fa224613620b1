resource "google_storage_bucket" "this" {
  #checkov:skip=CKV_GCP_62:Cloud Audit Logs see every access; usage logs would need a bucket of their own
  #checkov:skip=CKV_GCP_78:staged files are written once and never changed; what is deleted can be had back by soft delete

  project  = var.project
  name     = var.name
  location = var.location
  labels   = var.labels

  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = false

  soft_delete_policy {
    retention_duration_seconds = var.deleted_days * 24 * 60 * 60
  }

  # Staged files of live loads are the lake that other tables are made from. Only the jobs know which loads are live, so
  # nothing under staging/ goes by its age.
  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age            = 7
      matches_prefix = ["tmp/"]
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 7
    }
  }
}

# Objects, and to see where the bucket is: the jobs refuse one that the dataset cannot load from.
resource "google_storage_bucket_iam_member" "writer" {
  for_each = {
    for pair in setproduct(keys(var.writers), ["roles/storage.objectUser", "roles/storage.legacyBucketReader"]) :
    join(" ", pair) => { member = var.writers[pair[0]], role = pair[1] }
  }

  bucket = google_storage_bucket.this.name
  role   = each.value.role
  member = each.value.member
}

resource "google_storage_bucket_iam_member" "reader" {
  for_each = var.readers

  bucket = google_storage_bucket.this.name
  role   = "roles/storage.objectViewer"
  member = each.value
}

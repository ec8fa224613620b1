data "aws_caller_identity" "current" {}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV2_AWS_62:nothing waits for single objects; loads are planned from listings
  #checkov:skip=CKV_AWS_144:what lands here can be fetched from its publisher again
  #checkov:skip=CKV_AWS_145:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it
  #checkov:skip=CKV_AWS_18:CloudTrail's data events are the account's to switch on; server access logs would need a bucket of their own

  bucket        = var.name
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket = aws_s3_bucket.this.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "superseded versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.superseded_days
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  rule {
    id     = "old inventories"
    status = "Enabled"

    filter {
      prefix = "inventory/"
    }

    expiration {
      days = var.inventory_days
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# A list of all objects and versions once a day, for an audit that should not cost a million listings.
resource "aws_s3_bucket_inventory" "daily" {
  bucket                   = aws_s3_bucket.this.id
  name                     = "daily"
  included_object_versions = "All"
  optional_fields          = ["ETag", "LastModifiedDate", "Size"]

  schedule {
    frequency = "Daily"
  }

  destination {
    bucket {
      bucket_arn = aws_s3_bucket.this.arn
      account_id = data.aws_caller_identity.current.account_id
      format     = "Parquet"
      prefix     = "inventory"
    }
  }
}

data "aws_iam_policy_document" "this" {
  statement {
    sid       = "OnlyEncryptedTransport"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "Inventory"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.this.arn}/inventory/*"]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_s3_bucket.this.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }

  dynamic "statement" {
    for_each = length(var.writers) > 0 ? [var.writers] : []

    content {
      sid       = "Writers"
      actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
      resources = ["${aws_s3_bucket.this.arn}/*"]

      principals {
        type        = "AWS"
        identifiers = statement.value
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id
  policy = data.aws_iam_policy_document.this.json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::example-landing" }
  }
}

variables {
  name = "example-landing"
}

run "the_bucket_is_private_versioned_and_encrypted" {
  assert {
    condition = (aws_s3_bucket_public_access_block.this.block_public_acls
      && aws_s3_bucket_public_access_block.this.block_public_policy
      && aws_s3_bucket_public_access_block.this.ignore_public_acls
    && aws_s3_bucket_public_access_block.this.restrict_public_buckets)
    error_message = "Some way to make the bucket public is open."
  }

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "Versions are not kept."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.this.rule).apply_server_side_encryption_by_default).sse_algorithm == "AES256"
    error_message = "Objects are not encrypted."
  }

  assert {
    condition     = aws_s3_bucket_inventory.daily.included_object_versions == "All" && !aws_s3_bucket.this.force_destroy
    error_message = "The inventory leaves versions out, or the bucket may be destroyed with its objects."
  }

  assert {
    condition     = length([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule if length(rule.expiration) > 0 && one(rule.filter).prefix != "inventory/"]) == 0
    error_message = "A rule expires the landed files themselves."
  }
}

run "a_public_writer_is_refused" {
  command = plan

  variables {
    writers = ["*"]
  }

  expect_failures = [var.writers]
}

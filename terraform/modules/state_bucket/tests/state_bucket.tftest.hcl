mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{}" }
  }
}

variables {
  name = "sunledger-dev-state-123456789012"
}

run "older_states_are_kept_and_nobody_else_reads_them" {
  command = plan

  assert {
    condition     = one(aws_s3_bucket_versioning.this.versioning_configuration).status == "Enabled"
    error_message = "A state that is lost is lost."
  }

  assert {
    condition     = aws_s3_bucket_public_access_block.this.restrict_public_buckets && !aws_s3_bucket.this.force_destroy
    error_message = "States could be read by everybody, or be destroyed."
  }
}

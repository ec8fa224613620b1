data "aws_caller_identity" "current" {}

# Google to AWS: a token that Google signs for the one account is exchanged for an hour as this role. On AWS it is what
# EMR Serverless runs the jobs as.
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "Google"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = ["accounts.google.com"]
    }

    # For Google's tokens `aud` is the account they were made by and `oaud` whom they were made for.
    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:sub"
      values   = [var.google_account]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:aud"
      values   = [var.google_account]
    }

    condition {
      test     = "StringEquals"
      variable = "accounts.google.com:oaud"
      values   = [var.audience]
    }
  }

  statement {
    sid     = "EmrServerless"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["emr-serverless.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.current.account_id]
    }
  }
}

resource "aws_iam_role" "jobs" {
  name               = var.name
  description        = "Sunledger jobs: read the landing bucket"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "landing" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.landing_bucket]
  }

  statement {
    sid       = "Read"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["${var.landing_bucket}/*"]
  }
}

resource "aws_iam_role_policy" "landing" {
  name   = "read-landing"
  role   = aws_iam_role.jobs.id
  policy = data.aws_iam_policy_document.landing.json
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

locals {
  account = data.aws_caller_identity.current.account_id
  region  = data.aws_region.current.name
  prefix  = "arn:${data.aws_partition.current.partition}"
}

resource "aws_s3_bucket" "dags" {
  #checkov:skip=CKV2_AWS_62:nothing waits for single objects; loads are planned from listings
  #checkov:skip=CKV_AWS_144:its content is in the repository
  #checkov:skip=CKV_AWS_145:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it
  #checkov:skip=CKV_AWS_18:CloudTrail's data events are the account's to switch on; server access logs would need a bucket of their own

  bucket = var.bucket
}

resource "aws_s3_bucket_public_access_block" "dags" {
  bucket = aws_s3_bucket.dags.id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "dags" {
  bucket = aws_s3_bucket.dags.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "dags" {
  bucket = aws_s3_bucket.dags.id

  rule {
    id     = "superseded versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = 90
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  depends_on = [aws_s3_bucket_versioning.dags]
}

resource "aws_s3_object" "bundle" {
  for_each = var.bundle

  bucket      = aws_s3_bucket.dags.id
  key         = "dags/${each.key}"
  source      = each.value
  source_hash = filemd5(each.value)
}

resource "aws_s3_object" "requirements" {
  bucket  = aws_s3_bucket.dags.id
  key     = "requirements.txt"
  content = join("\n", concat([for name, bound in var.requirements : "${name}${bound}"], [""]))

  depends_on = [aws_s3_bucket_versioning.dags]
}

# MWAA has no environment variables; a startup script exports them, on each worker, before Airflow begins.
resource "aws_s3_object" "startup" {
  bucket  = aws_s3_bucket.dags.id
  key     = "startup.sh"
  content = join("\n", concat(["#!/bin/sh"], [for name, value in var.settings : "export ${name}='${value}'"], [""]))

  depends_on = [aws_s3_bucket_versioning.dags]
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["airflow.amazonaws.com", "airflow-env.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "airflow" {
  name               = "${var.name}-airflow"
  description        = "Sunledger's Airflow"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

data "aws_iam_policy_document" "airflow" {
  statement {
    sid       = "Dags"
    actions   = ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:GetBucketPublicAccessBlock"]
    resources = [aws_s3_bucket.dags.arn, "${aws_s3_bucket.dags.arn}/*"]
  }

  statement {
    sid       = "Plan"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions"]
    resources = [var.landing_bucket]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:CreateLogGroup", "logs:PutLogEvents", "logs:GetLogEvents", "logs:GetLogGroupFields", "logs:GetLogRecord", "logs:GetQueryResults"]
    resources = ["${local.prefix}:logs:${local.region}:${local.account}:log-group:airflow-${var.name}-*"]
  }

  # These two can be given on everything only.
  statement {
    sid       = "Everywhere"
    actions   = ["logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"]
    resources = ["*"]
  }

  statement {
    sid       = "Metrics"
    actions   = ["airflow:PublishMetrics"]
    resources = ["${local.prefix}:airflow:${local.region}:${local.account}:environment/${var.name}"]
  }

  # MWAA's own queue is in Amazon's account.
  statement {
    sid       = "Queue"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:ReceiveMessage", "sqs:SendMessage"]
    resources = ["${local.prefix}:sqs:${local.region}:*:airflow-celery-*"]
  }

  statement {
    sid       = "QueueKey"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:Encrypt"]
    resources = ["${local.prefix}:kms:*:*:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["sqs.${local.region}.amazonaws.com"]
    }
  }

  statement {
    sid       = "Spark"
    actions   = ["emr-serverless:StartJobRun", "emr-serverless:ListJobRuns", "emr-serverless:GetJobRun", "emr-serverless:CancelJobRun", "emr-serverless:GetDashboardForJobRun", "emr-serverless:GetApplication", "emr-serverless:StartApplication"]
    resources = ["${local.prefix}:emr-serverless:${local.region}:${local.account}:/applications/${var.application}", "${local.prefix}:emr-serverless:${local.region}:${local.account}:/applications/${var.application}/jobruns/*"]
  }

  statement {
    sid       = "AsJobs"
    actions   = ["iam:PassRole"]
    resources = [var.jobs_role]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["emr-serverless.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "airflow" {
  name   = "airflow"
  role   = aws_iam_role.airflow.id
  policy = data.aws_iam_policy_document.airflow.json
}

resource "aws_mwaa_environment" "this" {
  name                           = var.name
  airflow_version                = var.airflow
  environment_class              = "mw1.small"
  max_workers                    = 2
  execution_role_arn             = aws_iam_role.airflow.arn
  source_bucket_arn              = aws_s3_bucket.dags.arn
  dag_s3_path                    = "dags/"
  requirements_s3_path           = aws_s3_object.requirements.key
  requirements_s3_object_version = aws_s3_object.requirements.version_id
  startup_script_s3_path         = aws_s3_object.startup.key

  startup_script_s3_object_version = aws_s3_object.startup.version_id

  webserver_access_mode = "PRIVATE_ONLY"

  network_configuration {
    subnet_ids         = var.subnets
    security_group_ids = [var.security_group]
  }

  logging_configuration {
    dag_processing_logs {
      enabled   = true
      log_level = "WARNING"
    }

    scheduler_logs {
      enabled   = true
      log_level = "WARNING"
    }

    task_logs {
      enabled   = true
      log_level = "INFO"
    }

    webserver_logs {
      enabled   = true
      log_level = "WARNING"
    }

    worker_logs {
      enabled   = true
      log_level = "WARNING"
    }
  }

  depends_on = [aws_iam_role_policy.airflow]
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

data "aws_region" "current" {}

resource "aws_emrserverless_application" "spark" {
  name          = var.name
  release_label = var.release
  type          = "spark"

  maximum_capacity {
    cpu    = "${var.most_vcpu} vCPU"
    memory = "${4 * var.most_vcpu} GB"
    disk   = "${20 * var.most_vcpu} GB"
  }

  auto_start_configuration {
    enabled = true
  }

  auto_stop_configuration {
    enabled              = true
    idle_timeout_minutes = 5
  }

  network_configuration {
    subnet_ids         = var.subnets
    security_group_ids = [var.security_group]
  }

  dynamic "image_configuration" {
    for_each = var.image[*]

    content {
      image_uri = "${aws_ecr_repository.images.repository_url}:${image_configuration.value}"
    }
  }

  # It looks at its image when it is made.
  depends_on = [aws_ecr_repository_policy.pull]
}

resource "aws_ecr_repository" "images" {
  #checkov:skip=CKV_AWS_136:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it

  name                 = var.name
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

# The service fetches the image by itself, as the account's applications only.
data "aws_iam_policy_document" "pull" {
  statement {
    sid     = "EmrServerless"
    actions = ["ecr:BatchGetImage", "ecr:DescribeImages", "ecr:GetDownloadUrlForLayer"]

    principals {
      type        = "Service"
      identifiers = ["emr-serverless.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values = [
        "arn:${data.aws_partition.current.partition}:emr-serverless:${data.aws_region.current.name}:${data.aws_caller_identity.current.account_id}:/applications/*"
      ]
    }
  }
}

resource "aws_ecr_repository_policy" "pull" {
  repository = aws_ecr_repository.images.name
  policy     = data.aws_iam_policy_document.pull.json
}

# A workflow's token, which GitHub signs, is exchanged for an hour as one of two roles. No key exists.
#
#   plan    pull requests: reads, and takes the state's lock
#   apply   workflows in the GitHub environment, whose rules say who may release

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  prefix = "arn:${data.aws_partition.current.partition}"
  roles  = "${local.prefix}:iam::${data.aws_caller_identity.current.account_id}:role/sunledger-*"

  subjects = {
    plan  = "repo:${var.repository}:pull_request"
    apply = "repo:${var.repository}:environment:${var.environment}"
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.github.arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [each.value]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.subjects

  name               = "${var.name}-github-${each.key}"
  description        = "GitHub workflows of ${var.repository} that ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

data "aws_iam_policy_document" "state" {
  statement {
    sid       = "State"
    actions   = ["s3:ListBucket", "s3:GetObject", "s3:PutObject"]
    resources = [var.state_bucket, "${var.state_bucket}/*"]
  }

  # The lock is the one object that a plan deletes.
  statement {
    sid       = "Lock"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.state_bucket}/*.tflock"]
  }
}

resource "aws_iam_role_policy" "state" {
  for_each = aws_iam_role.github

  name   = "state"
  role   = each.value.id
  policy = data.aws_iam_policy_document.state.json
}

# Configuration, not data: a pull request's plan reads no object of the landing bucket.
data "aws_iam_policy_document" "plan" {
  #checkov:skip=CKV_AWS_356:reads configuration only, and most of these actions can be given on everything only

  statement {
    sid = "ReadConfiguration"
    actions = [
      "airflow:GetEnvironment", "airflow:ListTagsForResource", "budgets:ViewBudget", "budgets:ListTagsForResource",
      "ec2:Describe*", "ecr:DescribeRepositories", "ecr:GetRepositoryPolicy", "ecr:ListTagsForResource", "emr-serverless:GetApplication",
      "emr-serverless:ListTagsForResource", "iam:GetRole", "iam:GetRolePolicy", "iam:ListRolePolicies",
      "iam:ListAttachedRolePolicies", "s3:GetAccelerateConfiguration", "s3:GetBucket*", "s3:GetEncryptionConfiguration",
      "s3:GetInventoryConfiguration", "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:ListBucket",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "plan" {
  name   = "plan"
  role   = aws_iam_role.github["plan"].id
  policy = data.aws_iam_policy_document.plan.json
}

# What the modules make, by service; buckets and roles only by the project's names, and never the roles of this module.
data "aws_iam_policy_document" "apply" {
  #checkov:skip=CKV_AWS_107:a token for the image registry is what a release pushes with
  #checkov:skip=CKV_AWS_109:what the modules make is new, so it cannot be named; roles and buckets are bounded by name, and the role cannot change itself
  #checkov:skip=CKV_AWS_111:what the modules make is new, so it cannot be named; roles and buckets are bounded by name, and the role cannot change itself
  #checkov:skip=CKV_AWS_356:what the modules make is new, so it cannot be named; roles and buckets are bounded by name, and the role cannot change itself

  statement {
    sid       = "Services"
    actions   = ["airflow:*", "budgets:*", "ec2:*", "ecr:*", "emr-serverless:*", "logs:*"]
    resources = ["*"]
  }

  statement {
    sid       = "Buckets"
    actions   = ["s3:*"]
    resources = ["${local.prefix}:s3:::sunledger-*", "${local.prefix}:s3:::sunledger-*/*"]
  }

  statement {
    sid = "Roles"
    actions = [
      "iam:CreateRole", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy",
      "iam:ListAttachedRolePolicies", "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:PassRole",
      "iam:PutRolePolicy", "iam:TagRole", "iam:UntagRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
      "iam:UpdateRoleDescription",
    ]
    resources = [local.roles]
  }

  # The first application of EMR Serverless or MWAA in an account makes Amazon's own role for it.
  statement {
    sid       = "ServiceRoles"
    actions   = ["iam:CreateServiceLinkedRole"]
    resources = ["${local.prefix}:iam::*:role/aws-service-role/*"]
  }

  statement {
    sid       = "NotItself"
    effect    = "Deny"
    actions   = ["iam:*"]
    resources = ["${local.prefix}:iam::*:role/sunledger-*-github-*", "${local.prefix}:iam::*:oidc-provider/*"]
  }
}

resource "aws_iam_role_policy" "apply" {
  name   = "apply"
  role   = aws_iam_role.github["apply"].id
  policy = data.aws_iam_policy_document.apply.json
}

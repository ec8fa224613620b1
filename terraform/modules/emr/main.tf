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
}

resource "aws_ecr_repository" "images" {
  #checkov:skip=CKV_AWS_136:encrypted with the cloud's own key; a customer's key is one more thing that can be lost, and nobody here has asked to hold it

  name                 = var.name
  image_tag_mutability = "IMMUTABLE"

  image_scanning_configuration {
    scan_on_push = true
  }
}

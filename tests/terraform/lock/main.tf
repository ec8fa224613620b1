# A state in S3 as the environments keep theirs, with nothing in it but a number.

terraform {
  backend "s3" {
    key          = "sunledger.tfstate"
    region       = "eu-central-1"
    encrypt      = true
    use_lockfile = true

    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
  }
}

resource "terraform_data" "number" {
  input = 1
}

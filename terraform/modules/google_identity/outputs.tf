output "jobs" {
  description = "The jobs' service account: its address, IAM member, name and unique number."
  value = {
    email     = google_service_account.jobs.email
    member    = google_service_account.jobs.member
    name      = google_service_account.jobs.name
    unique_id = google_service_account.jobs.unique_id
  }
}

output "credentials_on_aws" {
  description = "The file that GOOGLE_APPLICATION_CREDENTIALS names on AWS. It says where to ask and holds no secret."
  value = jsonencode({
    type               = "external_account"
    universe_domain    = "googleapis.com"
    audience           = "//iam.googleapis.com/${google_iam_workload_identity_pool_provider.aws.name}"
    subject_token_type = "urn:ietf:params:aws:token-type:aws4_request"
    token_url          = "https://sts.googleapis.com/v1/token"
    service_account_impersonation_url = join("", [
      "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/",
      google_service_account.jobs.email, ":generateAccessToken",
    ])
    credential_source = {
      environment_id                 = "aws1"
      region_url                     = "http://169.254.169.254/latest/meta-data/placement/availability-zone"
      url                            = "http://169.254.169.254/latest/meta-data/iam/security-credentials"
      imdsv2_session_token_url       = "http://169.254.169.254/latest/api/token"
      regional_cred_verification_url = "https://sts.{region}.amazonaws.com?Action=GetCallerIdentity&Version=2011-06-15"
    }
  })
}

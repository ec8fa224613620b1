output "state_bucket" {
  description = "Bucket with the state, as envs/<env>/backend.hcl names it."
  value       = module.state_bucket.name
}

output "github" {
  description = "The GitHub environment's variables."
  value = var.github_repository == null ? null : {
    AWS_PLAN_ROLE        = module.aws_github[0].roles["plan"]
    AWS_APPLY_ROLE       = module.aws_github[0].roles["apply"]
    GOOGLE_PLAN_ACCOUNT  = module.google_github[0].accounts["plan"]
    GOOGLE_APPLY_ACCOUNT = module.google_github[0].accounts["apply"]
    GOOGLE_PROVIDER      = module.google_github[0].provider
  }
}

# The bucket that `make bootstrap ENV=prod` has made.
bucket = "sunledger-prod-state-222222222222"
key    = "sunledger.tfstate"
region = "eu-central-1"

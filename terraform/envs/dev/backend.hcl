# The bucket that `make bootstrap ENV=dev` has made.
bucket = "sunledger-dev-state-111111111111"
key    = "sunledger.tfstate"
region = "eu-central-1"

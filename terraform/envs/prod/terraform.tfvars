environment = "prod"

# Yours: the two accounts, and who pays.
aws_account     = "222222222222"
google_project  = "example-sunledger-prod"
billing_account = "000000-000000-000000"
alert_emails    = ["operator@example.org"]

# The dataset's location can never be changed; the region is inside it.
location      = "EU"
google_region = "europe-west4"
aws_region    = "eu-central-1"

deletion_protection = true
analysts            = ["group:analysts@example.org"]
secrets             = []

spark   = "dataproc"
airflow = "none"

# The commit whose image Spark jobs run in; a release pushes one for each commit.
image = null

google_monthly  = 1000
aws_monthly_usd = 200

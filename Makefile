# Everything a person does here. `make help` lists it.
SHELL := bash
PYTHON ?= python3
PORT ?= 8080
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Byte code halves the start of every command.
unexport PYTHONDONTWRITEBYTECODE

# What `make run` and `make ui` make lives in .sunledger, and `make clean` takes it away.
HOME_DIR := $(CURDIR)/.sunledger
AIRFLOW := env PYTHONPATH=$(CURDIR) AIRFLOW_HOME=$(HOME_DIR)/airflow AIRFLOW__CORE__DAGS_FOLDER=$(CURDIR)/dags \
	AIRFLOW__CORE__PLUGINS_FOLDER=$(CURDIR)/plugins \
	AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__PARALLELISM=4 AIRFLOW__API__HOST=127.0.0.1 \
	AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True AIRFLOW__LOGGING__LOGGING_LEVEL=INFO

# Where fixtures/s3.py has its commands put what they load.
FIXTURES := env WAREHOUSE=duckdb://$(HOME_DIR)/fixtures/sunledger.duckdb

# The stack in containers; Spark runs in the scheduler's, or on the profile's cluster.
COMPOSE := env PORT=$(PORT) SPARK_PROFILE=$(if $(CLUSTER),standalone) \
	SPARK_MASTER=$(if $(CLUSTER),spark://spark-master:7077 COMPOSE_PROFILES=cluster) docker compose

# An environment of two clouds: terraform/envs/$(ENV). What Terraform keeps for it stays apart from the other's.
ENV ?= dev
TFVARS := envs/$(ENV)/terraform.tfvars
TERRAFORM := env TF_DATA_DIR=$(CURDIR)/terraform/envs/$(ENV)/.terraform terraform -chdir=terraform

.DEFAULT_GOAL := help
.PHONY: help run ui up down test test-exhaustive test-stack bench check check-terraform columns bootstrap plan apply settings images format lock clean java

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 18

run: java .venv/ready ## Load the fixtures through the pv DAG into the embedded warehouse
	@mkdir -p $(HOME_DIR)
	@echo "Running the pv DAG for 2019-01-05 to 2019-01-08 (log: .sunledger/run.log) ..."
	@$(AIRFLOW) airflow db migrate > $(HOME_DIR)/run.log 2>&1 \
	&& $(AIRFLOW) python fixtures/s3.py airflow dags test pv \
		--conf '{"first_day": "2019-01-05", "last_day": "2019-01-08"}' >> $(HOME_DIR)/run.log 2>&1 \
	|| { grep -aoE 'jobs\.errors\.[A-Za-z]+: .*' $(HOME_DIR)/run.log | tail -n 1 || tail -n 40 $(HOME_DIR)/run.log; \
		echo "It failed; the whole log is .sunledger/run.log. Running it again is safe."; exit 1; }
	@$(FIXTURES) python -m jobs log --last-run && $(FIXTURES) python -m jobs status
	@echo "The warehouse is .sunledger/fixtures/sunledger.duckdb. The peak of each system and day, for example:"
	@$(FIXTURES) python -m jobs query fixtures/peaks.sql
	@echo "What was refused, with file, line and reason:"
	@$(FIXTURES) python -m jobs query fixtures/refused.sql
	@echo "Next: make ui (Airflow at http://127.0.0.1:8080), or .venv/bin/python -m jobs --help"

ui: java .venv/ready ## Open Airflow at http://127.0.0.1:8080 (PORT=8080), with the fixtures on a local S3 server
	@mkdir -p $(HOME_DIR)
	@python -c 'import socket; socket.create_server(("127.0.0.1", $(PORT)))' 2> /dev/null \
	|| { echo "Port $(PORT) is taken; choose another with: make ui PORT=8081"; exit 1; }
	@echo "Airflow will be at http://127.0.0.1:$(PORT) in half a minute; no login. Ctrl-C stops it."
	$(AIRFLOW) AIRFLOW__API__PORT=$(PORT) AIRFLOW__API__BASE_URL=http://127.0.0.1:$(PORT) \
		AIRFLOW__CORE__EXECUTION_API_SERVER_URL=http://127.0.0.1:$(PORT)/execution/ \
		python fixtures/postgres.py $(HOME_DIR)/postgres python fixtures/s3.py airflow standalone

up: ## Start Airflow, PostgreSQL and S3 in containers, with the fixtures (PORT=8080); CLUSTER=1 adds a Spark cluster
	$(COMPOSE) up --build --detach --wait --wait-timeout 300
	@echo "Airflow is at http://127.0.0.1:$(PORT), without a login. \`make down\` takes it away, with all that it has loaded."

down: ## Remove the containers of `make up`, their volumes and their network
	$(COMPOSE) --profile '*' down --volumes --remove-orphans

test: java .venv/ready ## Run the tests
	pytest

test-exhaustive: java .venv/ready ## Run those that try every fault at every call, a whole Airflow, and races that are rare; half an hour
	pytest -m exhaustive

test-stack: java .venv/ready ## Run those that take a whole Airflow for many minutes: its pages in Chromium, its faults
	pytest -n 1 -m stack

bench: java .venv/ready ## Measure loading day files (SYSTEMS=10 DAYS=40) and a whole record (RECORD_MB=100), and hours of units (CAMPD_MB=100)
	python bench/day_files.py
	python bench/whole_record.py
	python bench/unit_emissions.py

check: .venv/ready ## Lint, check the format, and hold the contracts to their standard
	ruff check .
	ruff format --check .
	python -m jobs contracts

check-terraform: .venv/ready ## Hold terraform/ to its checks; says what was not run
	pytest -v -rs tests/test_terraform.py

columns: .venv/ready ## Publish the new columns of the contracts in terraform/columns.lock
	python terraform/columns.py record

bootstrap: ## Make the bucket for the state of ENV=dev, and with GITHUB=owner/name the trust in its workflows
	terraform -chdir=terraform/bootstrap init -reconfigure -backend-config=path=$(ENV).tfstate
	terraform -chdir=terraform/bootstrap apply -compact-warnings -var-file=../$(TFVARS) \
		$(if $(GITHUB),-var=github_repository=$(GITHUB))

plan: .venv/ready ## Plan the environment ENV=dev; a plan that takes columns or tables away is refused
	@python terraform/columns.py check
	$(TERRAFORM) init -input=false -backend-config=envs/$(ENV)/backend.hcl
	@rm -f terraform/$(ENV).tfplan
	$(TERRAFORM) plan -input=false -var-file=$(TFVARS) -out=$(ENV).unseen.tfplan
	@set -o pipefail; $(TERRAFORM) show -json $(ENV).unseen.tfplan | python terraform/columns.py plan \
	|| { rm terraform/$(ENV).unseen.tfplan; exit 1; }
	@mv terraform/$(ENV).unseen.tfplan terraform/$(ENV).tfplan
	@echo "This is what \`make apply ENV=$(ENV)\` will do."

apply: ## Apply what `make plan ENV=dev` has planned
	@[ -f terraform/$(ENV).tfplan ] || { echo "Nothing is planned; first: make plan ENV=$(ENV)"; exit 1; }
	$(TERRAFORM) apply -input=false $(ENV).tfplan
	@rm terraform/$(ENV).tfplan

settings: ## Print the settings of ENV=dev as environment variables
	@set -o pipefail; $(TERRAFORM) output -json settings \
	| python -c 'import json, sys; [print(f"{name}={value}") for name, value in json.load(sys.stdin).items()]'

images: ## Print where the images of ENV=dev are, and the release of EMR that they are for
	@set -o pipefail; $(TERRAFORM) output -json runtime \
	| python -c 'import json, sys; runtime = json.load(sys.stdin); print(runtime["images"], runtime.get("release", ""))'

format: .venv/ready ## Format the code
	ruff check --fix .
	ruff format .

lock: .venv/ready ## Compile requirements*.in to requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
		requirements.in --output-file requirements.txt

clean: ## Remove the environment and all that runs have made
	rm -rf .venv .sunledger .pytest_cache .ruff_cache spark-warehouse
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	|| { echo "Sunledger needs Python 3.11, 3.12 or 3.13; say which with: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up .venv from requirements.txt (about a minute) ..."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.txt)"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.txt
	@touch $@

java:
	@found=$$("$${JAVA_HOME:+$$JAVA_HOME/bin/}java" -version 2>&1 | sed -nE 's/.*version "([0-9]+).*/\1/p'); \
	[ "$${found:-0}" -ge 17 ] || { echo "Spark needs Java 17, and $${JAVA_HOME:-the PATH} has $${found:-none}." \
		"On Debian: sudo apt-get install openjdk-17-jre-headless"; exit 1; }

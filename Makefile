# Everything a person does here. `make help` lists it.
SHELL := bash
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Byte code halves the start of every command.
unexport PYTHONDONTWRITEBYTECODE

# What `make run` and `make ui` make lives in .sunledger, and `make clean` takes it away.
HOME_DIR := $(CURDIR)/.sunledger
AIRFLOW := env PYTHONPATH=$(CURDIR) AIRFLOW_HOME=$(HOME_DIR)/airflow AIRFLOW__CORE__DAGS_FOLDER=$(CURDIR)/dags \
	AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__PARALLELISM=4 AIRFLOW__API__HOST=127.0.0.1 \
	AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True AIRFLOW__LOGGING__LOGGING_LEVEL=INFO

# Where fixtures/s3.py has its commands put what they load.
FIXTURES := env WAREHOUSE=duckdb://$(HOME_DIR)/fixtures/sunledger.duckdb

.DEFAULT_GOAL := help
.PHONY: help run ui test bench check format lock clean java

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 10

run: .venv/ready java ## Load the fixtures through the pv DAG into the embedded warehouse
	@mkdir -p $(HOME_DIR)
	@echo "Running the pv DAG for 2019-01-05 to 2019-01-08 (log: .sunledger/run.log) ..."
	@$(AIRFLOW) airflow db migrate > $(HOME_DIR)/run.log 2>&1 \
	&& $(AIRFLOW) python fixtures/s3.py airflow dags test pv \
		--conf '{"first_day": "2019-01-05", "last_day": "2019-01-08"}' >> $(HOME_DIR)/run.log 2>&1 \
	|| { tail -n 40 $(HOME_DIR)/run.log; exit 1; }
	@$(FIXTURES) python -m jobs log --last-run && $(FIXTURES) python -m jobs status
	@echo "The warehouse is .sunledger/fixtures/sunledger.duckdb. The peak of each system and day, for example:"
	@$(FIXTURES) python -m jobs query fixtures/peaks.sql
	@echo "Next: make ui (Airflow at http://127.0.0.1:8080), or .venv/bin/python -m jobs --help"

ui: .venv/ready java ## Open Airflow at http://127.0.0.1:8080, with the fixtures on a local S3 server
	@mkdir -p $(HOME_DIR)
	$(AIRFLOW) python fixtures/s3.py airflow standalone

test: .venv/ready java ## Run all tests
	pytest

bench: .venv/ready java ## Measure time and memory of loading day files
	python bench/day_files.py

check: .venv/ready ## Lint, check the format, and hold the contracts to their standard
	ruff check .
	ruff format --check .
	python -m jobs contracts

format: .venv/ready ## Format the code
	ruff check --fix .
	ruff format .

lock: .venv/ready ## Compile requirements.in to requirements.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock" \
		requirements.in --output-file requirements.txt

clean: ## Remove the environment and all that runs have made
	rm -rf .venv .sunledger .pytest_cache .ruff_cache spark-warehouse

.venv/ready: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	|| { echo "Sunledger needs Python 3.11, 3.12 or 3.13; say which with: make PYTHON=python3.12 ..."; exit 1; }
	@echo "Setting up .venv from requirements.txt (about a minute) ..."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check "$$(grep -oE '^uv==[0-9.]+' requirements.txt)"
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode requirements.txt
	@touch $@

java:
	@java -version > /dev/null 2>&1 \
	|| { echo "Spark needs Java 17 and none was found. On Debian: sudo apt-get install openjdk-17-jre-headless"; exit 1; }

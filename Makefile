# The project's commands. `make` lists them. Each one prepares everything that it needs.

PYTHON = .venv/bin/python
MAKEFLAGS += --no-builtin-rules

.DEFAULT_GOAL := help
.PHONY: help setup run run-distributed migrate test test-fast test-bare journeys coverage faults fault simulate scale soak bench check audit format screenshots clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

setup: .venv/.synced ## Make .venv from the lock file, with .venv/bin/angarium

.venv/.synced: uv.lock pyproject.toml requirements-bootstrap.txt scripts/setup.sh
	@sh scripts/setup.sh
	@touch $@

run: setup ## Run everything in one process on http://localhost:8000; needs nothing else installed
	@.venv/bin/angarium up --first-notification

run-distributed: setup ## Run each service as its own process, using the local RabbitMQ, PostgreSQL and Redis
	@$(PYTHON) scripts/run_distributed.py

migrate: setup ## Migrate every configured database to the newest schema
	@.venv/bin/angarium migrate

# Byte code is cached: otherwise each process would compile every test and library again.
test test-fast faults fault: export PYTHONDONTWRITEBYTECODE =
test: setup ## Run all tests except the long ones, on private servers; installs missing servers on Debian and Ubuntu
	@sh scripts/install-test-servers.sh
	@sh scripts/test.sh

test-fast: setup ## Run the quick tests, which need no server and no browser, in seconds
	@$(PYTHON) -m pytest tests/unit -m "not distributed and not browser and not slow and not long" -n 2 --dist worksteal \
		-p no:schemathesis --hypothesis-profile=fast --expected-seconds=30

test-bare: ## Run `make run` and `make test` in a minimal Debian; needs root (SUITE=bookworm or trixie, BY=root or user)
	@sh scripts/test_bare.sh "$(or $(SUITE),trixie)" "$(or $(BY),root)" "$(TESTS)"

journeys: setup ## Run every journey over every form; `make test` runs only some of them over MariaDB
	@sh scripts/install-test-servers.sh
	@$(PYTHON) -m pytest tests/journeys --journeys=all

coverage: setup ## Measure the line and branch coverage of unit and conformance tests; fails below the floor in pyproject.toml
	@sh scripts/install-test-servers.sh
	@$(PYTHON) -m pytest tests/unit tests/conformance -m "not browser and not long" -n 2 --dist worksteal --cov --cov-report=term

# VOLUME is the number of notifications: `make fault N=42 VOLUME=300`. N is a row of tests/faults/matrix.py.
VOLUME = 2000
FAULTS = $(PYTHON) -m pytest tests -m "fault or long" -p no:cacheprovider --fault-volume=$(VOLUME) --timeout=600

faults: setup ## Provoke every fault of the matrix, with 2,000 notifications each; writes a table to .run/faults.md
	@sh scripts/install-test-servers.sh
	@$(FAULTS) --fault-table=.run/faults.md

fault: setup ## Provoke one fault of the matrix: make fault N=42
	@test -n "$(N)" || { echo "usage: make fault N=42 (rows: tests/faults/matrix.py)"; exit 2; }
	@sh scripts/install-test-servers.sh
	@$(FAULTS) --fault=$(N) --fault-table=.run/fault-$(N).md

simulate: setup ## Run gateway, relay, sweeper and engine in virtual time with seeded faults (SEEDS=1000, FIRST=0)
	@$(PYTHON) -m tests.simulation --seeds $(or $(SEEDS),1000) --first $(or $(FIRST),0)

scale: setup ## Measure 10,000 connections, fairness between tenants, and searches over a million rows, on private servers
	@sh scripts/install-test-servers.sh
	@ulimit -n $$(ulimit -Hn) && $(PYTHON) -m benchmarks.scale

soak: setup ## Constant load at half of the limit for 30 minutes, on private servers; finds leaks (SOAK="--minutes 5")
	@sh scripts/install-test-servers.sh
	@$(PYTHON) -m benchmarks.soak $(SOAK)

bench: setup .venv-bench/.synced ## Compare Angarium with Celery, Dramatiq, Taskiq and a naive service, on private servers (BENCH=--quick: a smoke test)
	@sh scripts/install-test-servers.sh
	@$(PYTHON) -m benchmarks $(BENCH)

# The compared systems have their own environment, so that they do not affect Angarium's dependencies.
.venv-bench/.synced: benchmarks/peers/requirements.txt
	@.venv/bin/uv venv --quiet --clear --python $(PYTHON) .venv-bench
	@.venv/bin/uv pip sync --quiet --require-hashes --python .venv-bench/bin/python $<
	@touch $@

check: setup ## Check style, format, types and the direction of imports
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports

audit: setup ## Check the locked packages for known vulnerabilities, and the workflows for security problems
	@mkdir -p .run
	@.venv/bin/uv export --frozen --quiet --all-extras --no-emit-project --output-file .run/locked.txt >/dev/null
	@.venv/bin/uv tool run --quiet pip-audit==2.9.0 --require-hashes --disable-pip --requirement .run/locked.txt
	@.venv/bin/uv tool run --quiet zizmor==1.14.2 --offline --quiet .github/workflows

format: setup ## Format the code and apply automatic fixes
	.venv/bin/ruff check --fix
	.venv/bin/ruff format

screenshots: setup ## Take the screenshots of docs/dashboard.md in a browser, with sample data
	@sh scripts/install-test-servers.sh
	@$(PYTHON) scripts/screenshots.py

clean: ## Remove everything that these commands created, except the embedded data
	rm -rf .venv .venv-bench .run .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist

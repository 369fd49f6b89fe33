# The whole project, from nothing: Python 3.11 to 3.13, make and a package registry.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
# the installer, pinned: everything else comes from requirements.lock
UV_VERSION := 0.13.9
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# else each process compiles what it imports, where PYTHONDONTWRITEBYTECODE is set or .venv is read-only
export UV_COMPILE_BYTECODE := 1
# the same for our own modules and the tests, which dozens of processes import
unexport PYTHONDONTWRITEBYTECODE

DAYS ?= 3
MODE ?= development
FROM ?=
CATALOG ?=
CMD ?= build
STORE ?=
EXECUTOR ?=
WORKERS ?=
OWN ?=
IMAGE ?= spotify-pipeline:local
# the commit that `make dbt-changes` compares with
BASE ?= HEAD~1
# Go installs itself there; a shell that does not have it on its PATH is common
GO ?= $(or $(shell command -v go),/usr/local/go/bin/go)

.PHONY: help
help: ## list the commands
	@awk 'BEGIN {FS = ":.*## "} /^[a-z.-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.venv: .venv/.ready ## install everything into .venv

# installed again when the lock or the project's own metadata changes
.venv/.ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "Python 3.11, 3.12 or 3.13 is needed, this is %d.%d: set PYTHON=python3.12 or so" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
	@echo "installing the packages of requirements.lock into .venv"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
# relative, so that Python starts in a folder with a name that the locale cannot represent (LC_ALL=C)
	@for path in .venv/lib/python*/site-packages/__editable__.spotify_pipeline-*.pth; do echo ../../../../src >"$$path"; done
	@touch $@

# an extra: the packages that requirements.lock does not have
.venv/.%: requirements-%.lock .venv/.ready
	@echo "installing the packages of $< into .venv"
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r $<
	@touch $@

.PHONY: spark
spark: .venv/.spark ## install Spark into .venv, 400 MB, for replays of long ranges; it needs Java 17

# options that the demo and the stack share
STACK_OPTIONS = $(if $(STORE),--store "$(STORE)") $(if $(EXECUTOR),--executor "$(EXECUTOR)") $(if $(WORKERS),--workers "$(WORKERS)")
WANTED_PACKAGES = .venv $(if $(filter celery,$(EXECUTOR)),.venv/.celery)

.PHONY: celery
celery: .venv/.celery ## install Celery and Valkey into .venv, for a stack of several workers

.PHONY: demo
demo: $(WANTED_PACKAGES) ## run DAYS=3 days, FROM=date, CATALOG=folder, MODE=development|extended, STORE=seaweedfs|minio, EXECUTOR=local|celery, WORKERS=2
	@$(BIN)/spotify-pipeline demo --days "$(DAYS)" --mode "$(MODE)" $(if $(FROM),--from "$(FROM)") $(if $(CATALOG),--catalog "$(CATALOG)") $(STACK_OPTIONS)

.PHONY: up
up: $(WANTED_PACKAGES) dbt-manifest ## start the embedded stack and keep it running; STORE, EXECUTOR and WORKERS as for the demo
	@$(BIN)/spotify-pipeline up $(STACK_OPTIONS)

.PHONY: down
down: .venv ## stop the embedded stack
	@$(BIN)/spotify-pipeline down

.PHONY: reset
reset: .venv ## stop the stack of the demo and delete its data; OWN=1: that of your own app
	@$(BIN)/spotify-pipeline reset $(if $(OWN),--own)

.PHONY: status
status: .venv ## show the state of each service of the stack
	@$(BIN)/spotify-pipeline status

# one more than there are processors, since tests wait for servers; files in the order of their names, because the
# chain through the scheduler (tests/e2e) takes longest and so has to be the first
TEST_PROCESSES ?= $(shell echo $$(($$(nproc) < 4 ? $$(nproc) + 1 : 5)))
PARALLEL = -n $(TEST_PROCESSES) --dist loadfile --no-loadscope-reorder
.PHONY: test
test: .venv dbt-manifest ## run the unit and integration tests and one chain through the scheduler
	@$(BIN)/python -m pytest -m "not slow" $(PARALLEL)

.PHONY: test-docker
test-docker: .venv dbt-manifest ## start the containers of `astro dev start`, follow partitions to the report, restart, remove all; needs Docker
	@$(BIN)/python -m pytest -m slow tests/docker

.PHONY: test-all
test-all: .venv ## run every test, as CI does: test and test-slow
	@$(MAKE) --no-print-directory --keep-going test test-slow

.PHONY: test-slow
test-slow: .venv ## run the slow tests: test-slow-servers and test-slow-e2e
	@$(MAKE) --no-print-directory --keep-going test-slow-servers test-slow-e2e

.PHONY: test-slow-servers
test-slow-servers: .venv dbt-manifest ## run the slow tests over real servers: whole builds by dbt, kills, query plans, Spark
	@$(BIN)/python -m pytest -m slow --ignore tests/e2e --ignore tests/docker -n auto --maxprocesses 4 --dist loadfile

.PHONY: test-slow-e2e
test-slow-e2e: .venv dbt-manifest ## run the slow tests through the scheduler: whole days, disturbed runs, the runbook
	@$(BIN)/python -m pytest -m slow tests/e2e

# PARTS: exhaustive, schedules, bugs, random, airflow; SCALE: share of the calls and schedules
PARTS ?= exhaustive,schedules,bugs,random,airflow
SCALE ?= 1
SEED ?= 1
.PHONY: test-faults
test-faults: .venv dbt-manifest ## inject faults, PARTS= SCALE= SEED=, and print what was lost: docs/reliability.md
	@$(BIN)/python -m tests.faults --kinds "$(PARTS)" --scale "$(SCALE)" --seed "$(SEED)"

.PHONY: test-fast
test-fast: .venv dbt-manifest ## run the unit tests only
	@$(BIN)/python -m pytest tests/unit

.PHONY: coverage
coverage: .venv dbt-manifest ## measure which lines the unit and integration tests run: build/coverage
	@rm -rf build/coverage
	@$(BIN)/python -m pytest -m "not slow" --ignore tests/e2e $(PARALLEL) \
		--cov --cov-report=xml --cov-report=html --cov-report=markdown:build/coverage/summary.md --cov-report=term

.PHONY: runbook-shots
runbook-shots: .venv dbt-manifest ## take the pictures of docs/runbook.md again; needs Chromium
	@$(BIN)/python -m tools.runbook_pictures

TRACKS ?= 50000
.PHONY: bench
bench: .venv build/peers/dlt/.ready ## time API calls, and the load of TRACKS=50000, with dlt and a bare script for comparison: docs/performance.md
	@$(BIN)/python -m benchmarks.api_benchmark
	@$(BIN)/python -m benchmarks.peer_benchmark --tracks $(TRACKS)

.PHONY: bench-growth
bench-growth: .venv ## time the load of 50,000 and of 500,000 tracks, ours and the bare script
	@$(BIN)/python -m benchmarks.peer_benchmark --tracks 50000 500000 --responses "album pages" --peers "bare script" --runs 1 --results growth.json

.PHONY: bench-transform
bench-transform: .venv dbt-manifest ## time spotify_transform, bare dbt, Cosmos LOCAL and Cosmos WATCHER on one warehouse, in ten minutes
	@$(BIN)/python -m benchmarks.transform_benchmark

.PHONY: bench-quick
bench-quick: .venv dbt-manifest ## compare ratios with the committed ones of benchmarks/results/quick.json, in three minutes
	@$(BIN)/python -m benchmarks.api_benchmark
	@$(BIN)/python -m benchmarks.quick_benchmark

# what the benchmark compares with; in an environment of its own
build/peers/dlt/.ready: benchmarks/peers/dlt.txt .venv/.ready
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(@D)
	@$(BIN)/uv pip install --quiet --python $(@D)/bin/python --requirements $<
	@touch $@

.PHONY: bench-replay
bench-replay: spark ## replay generated dates with the local engine, and with Spark on a cluster of 1, 2 and 4 executors, and print the ratios
	@$(BIN)/python -m benchmarks.replay_benchmark

# 5,000 take a quarter of an hour and 2 GB; 50,000 a day take hours and 20 GB
OBSERVATIONS ?= 5000
DAYS_OF_YEAR ?= 365
.PHONY: bench-year
bench-year: .venv ## time the daily dbt build at day 30 and at day 365 of a simulated year: OBSERVATIONS= a day, DAYS_OF_YEAR=
	@$(BIN)/python -m benchmarks.year_benchmark --observations "$(OBSERVATIONS)" --days "$(DAYS_OF_YEAR)"

.PHONY: bench-switch
bench-switch: .venv ## measure a publication under readers, the catching up after it, and the disk that both schemas take
	@$(BIN)/python -m benchmarks.switch_benchmark

.PHONY: bench-backup
bench-backup: .venv dbt-manifest ## time a backup and a restore of a warehouse of 0.1, 0.5 and 1 GB
	@$(BIN)/python -m benchmarks.backup_benchmark

.PHONY: lint
lint: .venv dbt-manifest ## check style, docstrings, deprecated Airflow names, the layers of imports, and the dbt project
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/sqlfluff lint dbt/models dbt/tests/singular
# wide, so that the table of failures has room for the reasons
	@COLUMNS=160 $(BIN)/dbt-bouncer run

.PHONY: types
types: .venv ## check types
	@$(BIN)/mypy

# its makers publish the server as source only, in a repository that is archived: "latest" no longer moves
.PHONY: minio
minio: build/bin/minio ## build the MinIO server from source; needs Go 1.24 or newer, and minutes

build/bin/minio:
	@command -v "$(GO)" >/dev/null || { echo "Go 1.24 or newer is needed to build MinIO: install it from https://go.dev/dl, or set GO=path" >&2; exit 1; }
	@echo "building MinIO with $$("$(GO)" version | cut -d' ' -f3), which takes some minutes"
	@GOBIN="$(abspath $(@D))" "$(GO)" install github.com/minio/minio@latest

MESSAGE ?=
.PHONY: revision
revision: .venv ## write the next revision of the warehouse's schema: MESSAGE="what it is for"
	@$(BIN)/python -m tools.new_revision "$(or $(MESSAGE),$(error give MESSAGE="what the revision is for"))"

# the Compose specification's own reader: it checks docker-compose.override.yml where Docker is absent
COMPOSE_GO := github.com/compose-spec/compose-go/v2/cmd@v2.16.2
.PHONY: compose-spec
compose-spec: build/bin/compose-spec

build/bin/compose-spec:
	@GOBIN="$(abspath $(@D))/.$(@F)" "$(GO)" install $(COMPOSE_GO)
	@mv $(@D)/.$(@F)/cmd $@ && rmdir $(@D)/.$(@F)

.PHONY: dbt-manifest
dbt-manifest: .venv ## parse the dbt project, if it changed, into dbt/target/manifest.json
	@$(BIN)/python -m spotify_stack.dbt_manifest

.PHONY: dbt
dbt: .venv ## run dbt against the running stack: CMD="build --select dim_track+"
	@$(BIN)/spotify-pipeline dbt -- $(CMD)

.PHONY: psql
psql: .venv ## open psql on the warehouse of the running stack
	@$(BIN)/spotify-pipeline psql

.PHONY: shell
shell: .venv ## open a shell in which `spotify-pipeline` is on the PATH
	@PATH="$(abspath $(BIN)):$$PATH" exec "$${SHELL:-/bin/bash}"

.PHONY: readme-demo
readme-demo: .venv ## run the demo in a folder of its own, and write its output into README.md
	@export SPOTIFY_PIPELINE_STACK_DIR=build/readme/stack COLUMNS=80 NO_COLOR=1; \
	$(BIN)/spotify-pipeline reset --yes; \
	$(BIN)/spotify-pipeline demo --output build/readme 2>&1 | $(BIN)/python -m tools.readme_demo; \
	$(BIN)/spotify-pipeline down

.PHONY: reference
reference: .venv dbt-manifest ## write the pages of docs/ that are made from code: DAGs, tables, settings, commands, reason codes
	@$(BIN)/python -m tools.reference

.PHONY: docs-site
docs-site: .venv/.docs reference ## build docs/ as a site into build/site; a broken link is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

.PHONY: dbt-diagram
dbt-diagram: .venv ## draw the entity diagram of docs/warehouse.md again
	@$(BIN)/python -m tools.entity_diagram

.PHONY: dbt-tour
dbt-tour: .venv dbt-manifest ## write the results of docs/warehouse.md again, over the seeded catalogue
	@WRITE_TOUR=1 $(BIN)/python -m pytest -q tests/integration/dbt/test_tour.py -k seeded

.PHONY: benchmark-queries
benchmark-queries: .venv ## time the documented queries over 5 million observations
	@$(BIN)/python -m benchmarks.query_benchmark

.PHONY: dags
dags: .venv dbt-manifest ## import every DAG file with nothing configured, as `astro dev parse` does
	@mkdir -p build/parse
	@env -i PATH="$$PATH" HOME="$(abspath build/parse)" AIRFLOW_HOME="$(abspath build/parse)" PYTHONPATH=src:config \
		$(BIN)/python -m pytest --quiet .astro/test_dag_integrity_default.py

.PHONY: dbt-changes
dbt-changes: .venv ## build what differs in dbt/ from commit BASE=HEAD~1 on a scratch Postgres, and compare the rows
	@$(BIN)/python -m tools.dbt_changes --base "$(BASE)"

.PHONY: workflows
workflows: .venv ## check .github and the Dockerfile
	@$(BIN)/zizmor --offline --no-progress --quiet .github
	@$(BIN)/hadolint Dockerfile

.PHONY: audit
audit: .venv ## look requirements.lock up for known vulnerabilities
	@.github/audit.sh

.PHONY: image
image: ## build the image; needs Docker
	@docker build --pull --tag "$(IMAGE)" .

.PHONY: image-dags
image-dags: ## import every DAG file in the image
	@docker run --rm --entrypoint python "$(IMAGE)" -c \
		'import sys; from airflow.dag_processing.dagbag import DagBag; bag = DagBag("dags"); sys.exit(str(bag.import_errors) if bag.import_errors else 0 if bag.dags else "no DAG")'

.PHONY: ci
ci: .venv ## run the checks of .github/workflows/ci.yml on this machine; the image if Docker runs
	@$(MAKE) lint types workflows docs-site audit dags dbt-changes
	@$(MAKE) --keep-going compose-spec minio spark celery || echo "without Go, Spark or Celery: the tests that want MinIO, the Compose reader, Spark or Celery are skipped"
	@$(MAKE) --keep-going test test-slow-servers test-slow-e2e
	@$(MAKE) bench-quick
	@if docker info >/dev/null 2>&1; then $(MAKE) image image-dags test-docker; else echo "no Docker here: the image is not built"; fi
	@$(MAKE) demo DAYS=2 && $(MAKE) down

.PHONY: lock
lock: .venv ## write requirements.lock and the other lists of packages with hashes, from pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
		--extra airflow --extra orchestration --extra sandbox --extra local --extra dev \
		--no-emit-index-url --no-header --output-file requirements.lock pyproject.toml
	@for extra in spark celery docs; do \
		$(BIN)/python -c 'import sys, tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"][sys.argv[1]], sep="\n")' $$extra | \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --constraints requirements.lock \
			$$(sed -nE 's/^([a-z0-9._-]+)==.*/--no-emit-package \1/p' requirements.lock) \
			--no-emit-index-url --no-header --no-annotate --output-file requirements-$$extra.lock -; \
	done
	@$(BIN)/python -m tools.image_requirements

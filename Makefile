# People and .ci/run call the same targets. `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	$$p -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo $$p; break; }; done)
PIP := $(PY) -m pip --quiet --disable-pip-version-check --no-input
PYTEST := $(PY) -m pytest
SERVERS := $(PY) -m deploy.servers
WITH_SERVERS := set -a; . ./.servers/env; set +a;
LOCK := $(PY) -m uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
	--custom-compile-command "make lock"

export PATH := $(CURDIR)/$(BIN):$(PATH)
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup setup-dev demo demo-real test test-real test-deploy test-knowledge servers servers-down bench chaos chaos-mutants fuzz check generate lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(VENV)/.base ## make .venv with the aivis command in it; does nothing when it is current
setup-dev: $(VENV)/.dev ## the same with what tests and checks need

demo: setup ## play the demo on the embedded stack; exits non-zero if an expectation is missed
	@$(BIN)/aivis demo

demo-real: setup servers ## play the demo with every service as its own process, on Kafka, PostgreSQL and Weaviate
	@$(WITH_SERVERS) $(BIN)/aivis demo --real

test: setup-dev ## everything that runs without the real servers
	$(PYTEST) tests/unit tests/contract tests/integration

test-real: setup-dev servers ## the suites that need Kafka, PostgreSQL and Weaviate
	$(WITH_SERVERS) $(PYTEST) --servers-are-up tests/contract tests/real

test-deploy: $(VENV)/.deploy ## render the Kubernetes manifests and check them against their schemas and promises
	$(PYTEST) tests/deploy

test-knowledge: setup-dev ## answers out of 1,211 real documents, in-process and through the bus; needs ../shared/data
	$(PYTEST) tests/knowledge

servers: setup ## fetch and start Kafka, PostgreSQL and Weaviate on free loopback ports
	@$(SERVERS) up

servers-down: setup ## end the servers that `make servers` started here
	@$(SERVERS) down

bench: setup-dev servers ## speed and memory beside the machine's own limits, on both stacks
	@$(WITH_SERVERS) $(PY) -m benchmarks

chaos-mutants: setup-dev ## plant a bug for every promise in a copy of the code: the matrix has to see each
	@$(PY) -m chaos.mutants

chaos: setup-dev ## the fault matrix: everything is broken under load; exits non-zero unless every row passes
	@$(PY) -m chaos

SECONDS ?= 60
fuzz: $(VENV)/.fuzz ## throw anything at everything that decodes, SECONDS=60 each, two at a time
	@$(PY) -m fuzz --seconds $(SECONDS)

check: setup-dev ## lint, format, types, imports between packages, generated files current
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(PY) -m deploy.generate --check
	@if command -v buf >/dev/null; then buf lint proto; else echo "buf is not installed: proto style not checked"; fi

generate: setup-dev ## write the generated files anew: gRPC stubs and whatever else is made from the contracts
	$(PY) -m deploy.generate

lock: setup-dev ## pin every dependency anew, with hashes, from pyproject.toml
	echo "setuptools>=80" | $(LOCK) pyproject.toml - -o requirements.lock
	echo "setuptools>=80" | $(LOCK) --extra dev -c requirements.lock pyproject.toml - -o requirements-dev.lock
	$(LOCK) --group deploy -c requirements-dev.lock -o requirements-deploy.lock
	$(LOCK) --group fuzz -c requirements-dev.lock -o requirements-fuzz.lock

clean: ## end this clone's servers and remove all that was made here
	@if [ -x $(PY) ] && [ -d .servers ]; then $(SERVERS) remove; fi
	rm -rf $(VENV) .aivis build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp is newer than its lock when the environment is current.
$(PY):
	@if [ -z "$(PYTHON)" ]; then \
		echo "Aivis needs Python 3.11 or later with venv; found: $$(python3 --version 2>&1 || echo none)." >&2; \
		echo "Debian: apt-get install python3 python3-venv. Elsewhere: make setup PYTHON=/path/to/python3.11" >&2; \
		exit 1; fi
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements.lock | $(PY)
	@echo "Installing into $(VENV) (a minute the first time)"
	@$(PIP) install --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.lock requirements.lock | $(PY)
	@echo "Installing into $(VENV) what tests and checks need too (a minute the first time)"
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.base

$(VENV)/.deploy: requirements-deploy.lock | $(VENV)/.dev
	@$(PIP) install --require-hashes -r requirements-deploy.lock
	@touch $@

$(VENV)/.fuzz: requirements-fuzz.lock | $(VENV)/.dev
	@$(PIP) install --require-hashes -r requirements-fuzz.lock
	@touch $@

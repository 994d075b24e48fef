# Needs only Python (3.11 or newer), git, make and a package index. `make help` tells the rest.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
VENV ?= .venv
JOBS ?= 2
SINCE ?=

BIN := $(VENV)/bin
PY := $(BIN)/python
POSTGRES := LOYALTY_TEST_DB=postgres
# Where no byte code is written, each process compiles every module anew and each pytest rewrites every assertion.
unexport PYTHONDONTWRITEBYTECODE
# Long runs are the modules of tests/benchmarks that bear these names.
LONG := $(filter cdnow trial figures lists benchmark soak scale mutation recording,$(basename $(notdir $(wildcard tests/benchmarks/*.py))))

.DEFAULT_GOAL := help
.PHONY: help venv sandbox test check check-near check-still test-sqlite test-postgres test-integration test-functional test-crowds test-projects test-browser lint format docs check-migrations arithmetic crowds words clean $(LONG)

help: ## This list
	@echo 'Usage: make TARGET [OPTION=value]'; echo
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | \
	  while IFS="$$(printf '\t')" read -r name what; do printf '  %-18s %s\n' "$$name" "$$what"; done
	@[ -z "$(LONG)" ] || printf '  %-18s %s\n' '$(LONG)' 'Long runs on PostgreSQL; each prints its figures'
	@echo; echo 'Options:'
	@echo '  HOST=127.0.0.1 PORT=8000     where `make sandbox` serves'
	@echo '  SEED=--cashback              the demo shop gives money back in place of paws'
	@echo '  PYTHON=python3 VENV=.venv    which Python makes the environment, and where'
	@echo '  ARGS=                        more for pytest, such as ARGS="-k refund -x"'
	@echo '  JOBS=2                       so many parts of `make test` and `make check` at a time'
	@echo '  SINCE=                       the commit that `make check` compares with, such as HEAD~3'
	@echo '  LOYALTY_REQUIRE_BROWSER=1    a missing Chromium fails `make test` instead of skipping its journeys'

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo 'loyalty_oscar needs Python 3.11 or newer: try `make PYTHON=python3.12 ...`'; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The sandbox asks for less than the tests, so its first start need not wait for them.
$(VENV)/.sandbox: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]'
	@touch $@

$(VENV)/.all: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[api,celery,docs,sandbox,test]'
	@touch $@ $(VENV)/.sandbox

venv: $(VENV)/.all ## Make .venv with everything that developing needs

# Seeding leaves alone what is there, but for the address in links. The jobs run beside the shop and end with it.
sandbox: $(VENV)/.sandbox ## Serve a demo shop at http://127.0.0.1:8000
	@$(PY) manage.py sandbox_seed --address $(HOST):$(PORT) $(SEED)
	@trap 'trap - EXIT; kill $$jobs $$shop 2>/dev/null; wait' EXIT; trap 'exit 0' INT TERM; \
	$(PY) manage.py loyalty_run --every 30 & jobs=$$!; \
	$(PY) manage.py runserver $(HOST):$(PORT) & shop=$$!; wait $$shop

# Longest first: so that with two at a time none is left to run alone in the end. In a new checkout each of the first
# two makes the template of its own kind of database, where two of one kind would wait for each other.
PARTS := test-integration test-sqlite test-crowds test-functional test-projects test-browser

test: $(VENV)/.all ## Everything but the long runs, on SQLite and a real PostgreSQL; JOBS parts at a time
	@$(MAKE) --no-print-directory --jobs=$(JOBS) $(PARTS)

test-sqlite: $(VENV)/.all ## Only the part on SQLite: units, the house, and what writes or differs by database
	$(BIN)/pytest -m 'not (celery or postgres or slow)' tests/unit tests/house tests/integration tests/functional $(ARGS)

test-postgres: $(VENV)/.all ## Only the parts on PostgreSQL: what touches a database, and the crowds
	@$(MAKE) --no-print-directory --jobs=$(JOBS) test-integration test-functional test-crowds

test-integration test-functional: test-%: $(VENV)/.all
	$(POSTGRES) $(BIN)/pytest -m 'not slow' tests/$* $(ARGS)

test-crowds: $(VENV)/.all
	$(POSTGRES) $(BIN)/pytest -m 'not slow' tests/crowd $(ARGS)

test-projects: $(VENV)/.all ## Only the install matrix: bare, forked and full shops
	$(POSTGRES) $(BIN)/pytest -m 'not slow' tests/projects $(ARGS)

test-browser: $(VENV)/.all ## Only the journeys in a real Chromium
	$(POSTGRES) $(BIN)/pytest -m 'not slow' tests/browser $(ARGS)

check: $(VENV)/.all ## In four minutes: lint, units, the house, and the tests nearest to what changed since `main` or SINCE
	@$(MAKE) --no-print-directory --jobs=$(JOBS) check-near check-still

check-near: $(VENV)/.all
	@near="$$($(PY) -m tests.nearest $(SINCE))"; echo "Nearest: $${near:-nothing}"; \
	[ -z "$$near" ] || $(POSTGRES) $(BIN)/pytest -q -m 'not (celery or slow)' $$near $(ARGS)

check-still: lint check-migrations
	$(BIN)/pytest -q tests/unit tests/house $(ARGS)

lint: $(VENV)/.all ## Style, common mistakes, and the types of every floor below the shop
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PY) -m mypy

format: $(VENV)/.all ## Mend what `make lint` finds, where a machine can
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/ruff format .

check-migrations: $(VENV)/.all ## Fail if a model changed without its migration
	$(PY) -m django makemigrations --check --dry-run --settings tests.settings --pythonpath .

arithmetic: $(VENV)/.all ## All that draws its examples: 100,000 each, 5,000 through real orders
	LOYALTY_EXAMPLES=$(or $(LOYALTY_EXAMPLES),500) $(BIN)/pytest $(ARGS) \
	  $$(grep -rl --include='test_*.py' 'tests.amount import' tests)

crowds: $(VENV)/.all ## The races, each as often as the reliability plan says
	LOYALTY_CROWDS=full $(POSTGRES) $(BIN)/pytest -s tests/crowd $(ARGS)

docs: $(VENV)/.all ## Build the docs into docs/_build; a warning is an error
	$(BIN)/sphinx-build -q -W --keep-going -b html docs docs/_build

words: $(VENV)/.all ## Every sentence that customers read: its key in the catalogue, as it is read, and where it stands
	@$(PY) -m tests.words

# Beside our rule it asks what others say of who has left: 300 MB with pandas and SciPy, which no other target needs.
cdnow: $(VENV)/.cdnow
$(VENV)/.cdnow: $(VENV)/.all
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cdnow]'
	@touch $@

$(LONG): $(VENV)/.all
	DJANGO_SETTINGS_MODULE=tests.settings $(POSTGRES) $(PY) -m tests.benchmarks.$@

clean: ## Remove everything that make has made, the demo shop's data too
	rm -rf $(VENV) sandbox/var build dist docs/_build *.egg-info .pytest_cache .ruff_cache .mypy_cache .hypothesis .migrated .tox

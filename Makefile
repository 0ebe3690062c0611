# Everything that one does with this repository; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
INTEGRATIONS := .venv-integrations
STORES := .stores
# A server of S3's API, which Go builds; that of Azure's comes by tests/object_storage/package-lock.json.
S3 := github.com/versity/versitygw/cmd/versitygw@v1.8.0
ROUNDS ?= 100
SEED ?= 1
# How many test files run at a time: they wait for programs more than they compute.
JOBS ?= 3
ROOMS := producers storage stream alerting server
# Those of a few minutes; backpressure takes a quarter of an hour, batches and profile are for whoever works on speed.
BENCH ?= sdk capture ingest freshness disk query runs export tables alerts tiny idle

.DEFAULT_GOAL := help
.PHONY: help install page demo test integrations stores faults lint format reference lock bench clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Runwire needs Python 3.10 or newer; this is %d.%d. Set PYTHON=…" % sys.version_info[:2])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(READY) ## create .venv and install from the lock file

page: $(READY) ## build the page
	$(BIN)/python server/page/build.py

demo: $(READY) ## start the pipeline, train twice, show the runs and the alert
	$(BIN)/python server/page/build.py --optional
	$(BIN)/runwire demo

test: $(READY) ## run the whole test suite; JOBS=3 files at a time
	$(BIN)/python server/page/build.py --optional
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile

$(INTEGRATIONS)/.ready: $(READY) requirements-integrations.lock pyproject.toml
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(INTEGRATIONS)
	$(BIN)/uv pip install --quiet --python $(INTEGRATIONS)/bin/python --require-hashes -r requirements-integrations.lock
	$(BIN)/uv pip install --quiet --python $(INTEGRATIONS)/bin/python --no-deps --no-build-isolation --editable .
	@touch $@

# Two at a time: most of the time goes into importing the libraries anew, in each process of theirs, on one core.
integrations: $(INTEGRATIONS)/.ready ## run the integrations' tests against the real libraries, in .venv-integrations
	$(INTEGRATIONS)/bin/python -m pytest -n 2 --dist worksteal --durations=15 tests/integrations

$(STORES)/.ready: $(READY) Makefile tests/object_storage/package-lock.json
	@command -v go >/dev/null || { echo "make stores needs Go 1.25 or newer: it builds a server of S3's API"; exit 1; }
	@mkdir -p $(STORES)
	cp tests/object_storage/package.json tests/object_storage/package-lock.json $(STORES)
	GOBIN=$(CURDIR)/$(STORES)/bin go install $(S3)
	$(BIN)/npm ci --prefix $(STORES) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

stores: $(STORES)/.ready ## run the file store's tests against servers of S3's and Azure's API; needs Go
	$(BIN)/python -m pytest tests/object_storage

faults: $(READY) ## kill, freeze and multiply the processes while runs log: ROUNDS=100 SEED=1, or one ROUND=7 of a SEED; ALERTS=200: alerting's
	PYTHONPATH=tests:tests/stream:tests/alerting:tests/end_to_end $(BIN)/python -m \
		$(if $(ALERTS),faults.alerts --alerts $(ALERTS),faults $(if $(ROUND),--round $(ROUND),--rounds $(ROUNDS))) \
		--seed $(SEED) $(if $(JSON),--json $(JSON)) $(if $(KEEP),--keep)

lint: $(READY) ## ruff, the type checker, the import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy $(ROOMS) bench
	$(BIN)/lint-imports --no-cache

format: $(READY) ## format and mend what ruff can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(READY) ## write docs/reference.md and docs/rules.md anew from the code
	$(BIN)/python docs/make_reference.py

lock: $(READY) ## write requirements.lock and requirements-integrations.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.10 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements.lock
	$(BIN)/uv pip compile pyproject.toml --group integrations --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-annotate --no-header --quiet --upgrade -o requirements-integrations.lock

bench: $(READY) ## run the benches of a few minutes, one after the other; BENCH="profile …" names others
	for name in $(BENCH); do $(BIN)/python bench/$$name.py || exit 1; done

clean: ## remove what was built
	rm -rf $(VENV) $(INTEGRATIONS) $(STORES) server/page/node_modules server/runwire_server/page/dist

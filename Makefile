# The verbs of the project; `make` alone lists them, and CI runs the same ones. Stamps keep every step quick when nothing changed.
# Nothing here may install into the system, other than Debian's packages that tests and bench run: dev/install_chromium.sh,
# dev/install_servers.sh and bench/setup.sh.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

VENV := .venv
PY := $(VENV)/bin/python
LOCUST_VENV := .venvs/locust
BUILT := $(or $(CARGO_TARGET_DIR),target)
PIP := -m pip --disable-pip-version-check --quiet install -c dev/constraints.txt

# Cargo and maturin look at the same interpreter, so that neither undoes the other's build.
export PYO3_PYTHON := $(CURDIR)/$(PY)
# Where the tests find what was built for them (tests/conftest.py).
export GREGARIA_TESTKIT := $(abspath $(BUILT))/release

# Directories are listed too: their time changes when a file comes or goes.
SOURCES := $(shell find crates python -path crates/testkit -prune -o -name __pycache__ -prune -o \
	\( -type d -o -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name py.typed \) -print) \
	Cargo.toml Cargo.lock pyproject.toml README.md LICENSE

# The page needs Node.js; without it `make build` embeds a placeholder that says so.
NPM := $(shell command -v npm 2>/dev/null)
UI_SOURCES := $(shell find webui -name node_modules -prune -o -name dist -prune -o -name e2e -prune -o -type f -print)

.PHONY: help build ui e2e demo test test-rust test-ui test-python test-pythons lint fmt bench fuzz docs wheel clean testkit

help: ## list the verbs
	@grep -E '^[a-z0-9-]+:.*## ' Makefile | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

build: $(VENV)/.built ## the release wheel, installed in .venv (command: .venv/bin/gregaria)

ui: webui/dist/.built ## the page and the report's template, in webui/dist (needs Node.js)

demo: build testkit ## run an example for 15 seconds against a bundled API, show the tables and write a report
	@$(PY) dev/demo.py $(BUILT)/release/demo-api $(BUILT)/demo-report.html

test: test-rust test-ui test-python e2e ## everything: Rust, page, Python and end-to-end tests, the browser's too

test-rust: $(VENV)/.tools ## only the Rust tests
	@dev/test_rust.sh

test-python: build testkit $(VENV)/.test-tools $(LOCUST_VENV)/.installed ## only the tests that go through Python
	@dev/install_servers.sh
	$(PY) -m pytest tests

test-ui: webui/node_modules/.installed ## only the unit tests of page and report
	npm --prefix webui run --silent test

e2e: build testkit webui/dist/.built ## page and report in a real browser (installs Debian's Chromium if it may)
	@dev/install_chromium.sh
	npm --prefix webui run --silent e2e

test-pythons: build testkit $(VENV)/.test-tools $(LOCUST_VENV)/.installed ## the Python tests under every CPython 3.11 to 3.13 on this machine
	@dev/install_servers.sh
	dev/test_pythons.sh

lint: build webui/node_modules/.installed dev/pyright/node_modules/.installed $(VENV)/.lint-tools ## formatting, clippy, tsc, biome, ruff, mypy, pyright, stubs, layers, sizes, links
	@dev/lint.sh

fmt: $(VENV)/.lint-tools webui/node_modules/.installed ## format Rust, Python and TypeScript
	cargo fmt --all
	cargo fmt --manifest-path fuzz/Cargo.toml
	$(VENV)/bin/ruff check --fix-only --quiet .
	$(VENV)/bin/ruff format .
	cd webui && npm run --silent fmt

bench: build testkit $(LOCUST_VENV)/.installed ## compare with wrk and Locust (QUICK=1: two minutes, ONLY=regex: some)
	@bench/setup.sh
	@$(PY) bench/run.py $(if $(QUICK),--quick) $(if $(ONLY),--only '$(ONLY)') --testkit $(BUILT)/release/testkit-server

fuzz: ## a minute of fuzzing for each target in fuzz/ (TARGET=regex: some, SECONDS=n: longer)
	@dev/fuzz.sh '$(or $(SECONDS),60)' '$(TARGET)'

docs: ## check that every link between the Markdown files leads somewhere
	@$(shell dev/find_python.sh) dev/check_links.py

wheel: $(VENV)/.tools ui ## distributable wheels in dist/, one for each CPython on this machine
	GREGARIA_REQUIRE_UI=1 dev/build_wheels.sh dist

clean: ## remove everything that was built
	rm -rf $(BUILT) .fuzz-tools fuzz/target dist dev/pyright/node_modules webui/node_modules webui/dist/* webui/dist/.built $(VENV) .venvs bench/results .mypy_cache .ruff_cache .pytest_cache

testkit:
	@cargo build --release --locked --quiet -p gregaria-testkit --bins

$(VENV)/.tools: dev/requirements-build.txt dev/constraints.txt
	test -x $(PY) || $$(dev/find_python.sh) -m venv $(VENV)
	$(PY) $(PIP) -r dev/requirements-build.txt
	@touch $@

webui/node_modules/.installed: webui/package.json webui/package-lock.json webui/.npmrc
	@test -n "$(NPM)" || { echo "the page needs Node.js 20 or newer with npm" >&2; exit 1; }
	cd webui && npm ci --silent
	@touch $@

dev/pyright/node_modules/.installed: dev/pyright/package.json dev/pyright/package-lock.json dev/pyright/.npmrc
	@test -n "$(NPM)" || { echo "pyright needs Node.js 20 or newer with npm" >&2; exit 1; }
	cd dev/pyright && npm ci --silent
	@touch $@

webui/dist/.built: webui/node_modules/.installed $(UI_SOURCES)
	cd webui && npm run --silent build
	@touch $@

$(VENV)/.built: $(VENV)/.tools $(SOURCES) $(if $(NPM),webui/dist/.built)
	rm -rf $(BUILT)/wheel
	$(VENV)/bin/maturin build --release --locked --auditwheel skip --interpreter $(PY) --out $(BUILT)/wheel
	$(PY) $(PIP) --force-reinstall --no-deps $(BUILT)/wheel/gregaria-*.whl
	$(PY) $(PIP) $(BUILT)/wheel/gregaria-*.whl
	@touch $@

$(VENV)/.test-tools: dev/requirements-test.txt dev/constraints.txt | $(VENV)/.tools
	$(PY) $(PIP) -r dev/requirements-test.txt
	@touch $@

$(VENV)/.lint-tools: dev/requirements-lint.txt dev/requirements-test.txt dev/constraints.txt | $(VENV)/.tools
	$(PY) $(PIP) -r dev/requirements-lint.txt -r dev/requirements-test.txt
	@touch $@

$(LOCUST_VENV)/.installed: dev/requirements-locust.txt dev/constraints.txt | $(VENV)/.tools
	test -x $(LOCUST_VENV)/bin/python || $(PY) -m venv $(LOCUST_VENV)
	$(LOCUST_VENV)/bin/python $(PIP) -r dev/requirements-locust.txt
	@touch $@

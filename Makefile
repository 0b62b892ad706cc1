# Every command does all of its own set-up: Python 3.11 or newer is all that must be there.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
QUICK := -m "not slow"
# $(call install,what,Debian's packages,who needs it)
install = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "Installing $(1)" && apt-get update -qq && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(2) >/dev/null; } || \
	{ echo "$(3) $(1): install it, such as by apt-get install $(2)"; exit 1; }

.PHONY: demo test test-all checks tests unit integration system lint format types docs audit build matrix bench scale-out screenshot servers load constraints vendor browser clean

demo: .venv/ready  ## a real Airflow calls people, none of whom is real
	@$(BIN)/python -m airflow_provider_voiceinfra demo $(ARGS)

test: checks tests  ## everything CI checks

test-all: QUICK := --hypothesis-profile=all
test-all: export STOPPED_LIST_STOPS := 10
test-all: test audit  ## and what would take too long each time; run every night

checks: .venv/ready  ## what reads the sources, side by side
	@$(MAKE) --no-print-directory --jobs 3 --output-sync=target lint types docs

tests: .venv/ready browser  ## the three tiers at once: the system tests wait most of the time
	@$(BIN)/pytest tests/system tests/integration tests/unit \
		--numprocesses 4 --dist loadscope --no-loadscope-reorder $(QUICK)

unit: .venv/ready  ## in a minute, without Airflow's database
	@$(BIN)/pytest tests/unit --numprocesses 3 --dist worksteal $(QUICK)

integration: .venv/ready browser  ## whole DAGs by dag.test(), the Calls page, the docs, races and kills
	@$(BIN)/pytest tests/integration --numprocesses 3 --dist worksteal $(QUICK)

system: .venv/ready browser  ## a real Airflow, a real browser
	@$(BIN)/pytest tests/system --numprocesses 2 --dist loadscope $(QUICK)

audit: .venv/ready  ## vulnerable dependencies, and secrets in the tree and in the history
	@$(BIN)/pytest tests/audit

docs: .venv/ready  ## the documentation as a site: docs/_build/index.html
	@$(BIN)/sphinx-build --fail-on-warning --keep-going --quiet --fresh-env docs docs/_build

lint: .venv/ready
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports
	@$(BIN)/deptry .
	@$(BIN)/python -m tools.prose
	@$(BIN)/proselint check --config .proselint.json *.md docs .github
	@$(BIN)/zizmor --offline --quiet .github
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml

format: .venv/ready
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

types: .venv/ready
	@$(BIN)/mypy

build: .venv/ready  ## the wheel and the source archive, in dist
	@rm -rf dist && $(BIN)/hatchling build
	@$(BIN)/twine check --strict dist/*

matrix: build  ## the wheel alone, in the lowest and the newest Airflow, in each Python that is here
	@PYENV_VERSION=$$(pyenv versions --bare 2>/dev/null | paste -sd: -) $(BIN)/nox

constraints: .venv/ready  ## resolve anew what the other commands install, and the lowest that is supported
	@$(BIN)/uv pip compile pyproject.toml --all-extras --universal --upgrade --quiet \
		--no-header --no-annotate --no-emit-index-url -o constraints.txt
	@$(BIN)/nox --session lowest

browser:  ## Chromium for the tests of the Calls page, where this machine has none
	@{ command -v chromium || command -v chromium-browser || command -v google-chrome; } >/dev/null || \
		$(call install,Chromium,chromium fonts-dejavu-core,The tests of the Calls page need)

scale-out: .venv/ready servers  ## an Airflow of two of everything calls a list, while one of each is killed
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,postgres,scale-out]'
	@$(BIN)/python -m tests.scale_out $(ARGS)

screenshot: .venv/ready browser  ## the picture of the Calls page in README and docs, taken by its test
	@$(BIN)/pytest tests/system/test_calls_page.py -k from_its_claim_to_its_last_webhook --quiet
	@cp tests/screenshots/call.png docs/_static/calls_page.png

servers:  ## Redis and nginx for scale-out, where this machine has none
	@{ PATH="$$PATH:/usr/sbin" && command -v redis-server && command -v nginx; } >/dev/null || \
		$(call install,Redis and nginx,redis-server nginx-light,scale-out needs)

bench: .venv/ready load  ## measure everything, in less than an hour; docs/benchmarks.md is made of it
	@$(BIN)/python -m tests.benchmarks $(ARGS)

load:  ## wrk for bench, where this machine has none
	@command -v wrk >/dev/null || $(call install,wrk,wrk,bench needs)

vendor: .venv/ready  ## fetch the scripts of the Calls page and its tests anew, by npm
	@$(BIN)/python tools/vendor.py

.venv/ready: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11, 3.12 or 3.13 is needed: install one, or name it: make PYTHON=/path/to/python"; exit 1; }
	@echo "Installing Airflow and the provider into .venv (about a minute, once)"
	@$(PYTHON) -m venv --clear .venv
	@$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,docs,postgres]'
	@touch $@

clean:
	rm -rf .venv .nox dist

# `make demo` and `make test` set up all they need in .venv; a second call installs nothing again.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test browser soak fuzz bench bench-quick verify check serve worker sandbox lock clean

demo: .venv/demo            ## the main job on this machine, with a picture at the end
	$(BIN)/inpaint-tracker demo $(ARGS)

test: .venv/dev browser     ## every test
	$(BIN)/python -m pytest $(ARGS)

browser:                    ## Chromium, for tests that look at pages; where none can be had they are skipped
	@tests/browser/install || true

soak: .venv/dev             ## ten minutes of faults and kills, 5,000 jobs; make test has a minute of it
	PYTHONPATH=client $(BIN)/python -m tests.soak $(ARGS)

fuzz: .venv/dev             ## 100,000 odd requests; make test has some hundreds of them
	PYTHONPATH=client $(BIN)/python -m tests.fuzz $(ARGS)

bench: .venv/bench          ## measurements against yardsticks in the same run, about half an hour; docs/performance.md
	PYTHONPATH=client $(BIN)/python -m bench $(ARGS)

bench-quick: .venv/bench    ## all of them, small, in less than three minutes
	PYTHONPATH=client $(BIN)/python -m bench --quick $(ARGS)

verify: .venv/verify        ## the image, compose and Kubernetes as they are run; skips what this machine cannot do
	@deploy/verify/install || true
	$(BIN)/python -m deploy.verify $(ARGS)

check: .venv/dev            ## style, types, and what we take from others: locks and licences
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m deploy.audit

serve worker: .venv/demo    ## the two processes, settings from the environment and .env
	$(BIN)/inpaint-tracker $@ $(ARGS)

sandbox: .venv/demo         ## a stand-in for Apiframe on 127.0.0.1:9000
	$(BIN)/inpaint-tracker sandbox $(ARGS)

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	$(PYTHON) -m venv .venv
	@touch $@

.venv/demo: requirements/demo.txt pyproject.toml | .venv/pip
	$(PIP) install --require-hashes -r requirements/demo.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/pip
	$(PIP) install --require-hashes -r requirements/dev.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/bench: requirements/bench.txt .venv/dev
	$(PIP) install --require-hashes -r requirements/bench.txt
	@touch $@

.venv/verify: requirements/verify.txt .venv/dev
	$(PIP) install --require-hashes -r requirements/verify.txt
	@touch $@

.venv/dclint:                # for `make verify`, where there is npm
	npm install --silent --no-audit --no-fund --ignore-scripts --prefix .venv/dclint dclint@3.1.0

.venv/policy: requirements/policy.txt | .venv/pip   # for `make verify`: checkov, some 470 MB
	$(PYTHON) -m venv .venv/policy
	.venv/policy/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/policy.txt
	@touch $@

lock:                       ## resolve requirements/*.txt anew from pyproject.toml
	requirements/lock $(ARGS)

clean:
	rm -rf .venv demo-output test-output

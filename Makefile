# Run `make` to list the targets. Everything is installed into .venv, from hash-locked requirements.

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
VENV_BENCH := .venv-bench
PEERS := benchmarks/peers
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PIP_COMPILE := CUSTOM_COMPILE_COMMAND='make lock' $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
	--allow-unsafe --no-emit-options --no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# More arguments for the program that a target runs: make test ARGS='-k paging', make run ARGS=--log.level=debug
ARGS ?=

# Tests run side by side, a file to a worker: half of their time is waiting for real servers.
WORKERS ?= auto

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' Makefile

.PHONY: run
run: $(VENV)/runtime.stamp  ## Run the demo: the exporter against the bundled VLM Run stand-in
	$(BIN)/python -m exporter demo $(ARGS)

.PHONY: test
test: $(VENV)/dev.stamp servers  ## Run every test, against the real servers that are there
	$(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=loadfile --durations=5 $(ARGS)

.PHONY: soak
soak: $(VENV)/dev.stamp servers  ## The proof at length, one table: is anything lost or doubled? (hours; ARGS='--scale 0.1 kills': less, in part)
	$(BIN)/python -m tests.proof $(ARGS)

.PHONY: abuse
abuse: $(VENV)/dev.stamp  ## Attack a running exporter at full size; writes the table of docs/security.md (6 minutes; ARGS='churn scrapes': in part)
	$(BIN)/python -m tests.abuse $(ARGS)

.PHONY: mutants
mutants: $(VENV)/dev.stamp  ## mutmut: do tests catch every small mistake in the counting core? (half an hour or more; ARGS=counting.walk: one module)
	$(BIN)/python -m tests.proof.mutation $(ARGS)

.PHONY: check
check: check-style check-types check-layers check-prometheus check-image check-kubernetes check-supply  ## Lint, check types, layers and what is deployed

.PHONY: check-style
check-style: $(VENV)/dev.stamp  ## ruff: lint and format
	$(BIN)/ruff check
	$(BIN)/ruff format --check

.PHONY: check-types
check-types: $(VENV)/dev.stamp  ## mypy --strict
	$(BIN)/mypy

.PHONY: check-layers
check-layers: $(VENV)/dev.stamp  ## import-linter: who may import whom
	$(BIN)/lint-imports --no-cache

.PHONY: check-prometheus
check-prometheus: servers  ## promtool and amtool: the rules, and Alertmanager's example
	tests/tools/check-prometheus

.PHONY: check-image
check-image: $(VENV)/dev.stamp  ## hadolint: the Dockerfile; the Compose files against the Compose specification
	$(BIN)/hadolint Dockerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml deploy/compose/account.yaml

.PHONY: check-kubernetes
check-kubernetes: $(VENV)/dev.stamp  ## Render deploy/kubernetes; schemas of Kubernetes and the Prometheus Operator, Pod Security
	$(BIN)/python -m tests.kubernetes

.PHONY: check-supply
check-supply: $(VENV)/dev.stamp  ## Workflows: zizmor and their schemas; known vulnerabilities of what is locked: pip-audit
	$(BIN)/zizmor --offline --no-progress --quiet --persona=pedantic .github
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/python -m release.audit requirements.txt requirements-build.txt requirements-dev.txt

.PHONY: dist
dist: $(VENV)/dev.stamp  ## Build wheel and sdist into dist/, the same bytes from the same tree
	rm -rf dist
	$(BIN)/python -m hatchling build --directory dist

.PHONY: sbom
sbom: $(VENV)/dev.stamp  ## Write dist/sbom.cdx.json, the bill of materials of what is shipped (CycloneDX)
	@mkdir -p dist
	$(BIN)/python -m release.sbom >dist/sbom.cdx.json

.PHONY: release-notes
release-notes: $(VENV)/dev.stamp  ## Print the notes of a release, or what is missing for it: VERSION=1.2.3
	@$(BIN)/python -m release.notes $(VERSION)

.PHONY: lint-extra
lint-extra: $(VENV)/dev.stamp servers  ## Other people's tools, built with Go, over rules, dashboards, workflows and manifests
	tests/tools/lint-extra

.PHONY: kubernetes
kubernetes: $(VENV)/dev.stamp  ## Write the generated manifests of deploy/kubernetes anew from rules/
	$(BIN)/python -m deploy.source

ENGINE ?= $(firstword $(foreach engine,docker podman buildah,$(if $(shell command -v $(engine)),$(engine))) none)

.PHONY: image
image:  ## Build the image vlmrun-exporter:local, with docker, podman or buildah (ENGINE=podman: that one)
	@engine=$$(command -v $(ENGINE)) || { echo "make image: none of docker, podman, buildah is on PATH" >&2; exit 1; }; \
	case $$engine in */docker) format= ;; *) format=--format=docker ;; esac; \
	"$$engine" build $$format --build-arg VERSION=$$(sed -n 's/^__version__ = "\(.*\)"/\1/p' exporter/version.py) \
		--build-arg REVISION=$$(git rev-parse HEAD 2>/dev/null) --tag vlmrun-exporter:local $(ARGS) .

.PHONY: image-test
image-test: $(VENV)/dev.stamp  ## Build the image without an engine or a registry, and try it (root on Debian; 3 minutes)
	@tests/tools/install-servers "buildah buildah" "debootstrap debootstrap"
	$(BIN)/python -m pytest --durations=5 tests/image/prove_image.py $(ARGS)

.PHONY: dashboards
dashboards: $(VENV)/dev.stamp  ## Write dashboards/*.json and the ConfigMaps anew from dashboards/source
	$(BIN)/python -m dashboards.source

.PHONY: preview
preview: $(VENV)/dev.stamp servers  ## Draw every dashboard into docs/images, over simulated days with incidents (needs Node.js; minutes)
	cd dashboards/preview && npm ci --no-audit --no-fund && npm run check
	$(BIN)/python -m tests.dashboards.pictured dashboards/preview/draw-all docs/images

.PHONY: servers
servers:  ## Install the real servers that tests use (as root on Debian), or say which are absent
	@tests/tools/install-servers

.PHONY: format
format: $(VENV)/dev.stamp  ## Format the code and fix what ruff can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

.PHONY: venv
venv: $(VENV)/dev.stamp  ## Set up .venv with the development tools

.PHONY: bench
bench: peers  ## Measure the exporter beside its peers; writes docs/performance.md (25 minutes; ARGS=--quick: does it work?)
	@tests/tools/install-servers "prometheus prometheus" "wrk wrk" "mtail mtail" \
		"prometheus-pushgateway prometheus-pushgateway"
	$(VENV_BENCH)/bin/python -m benchmarks $(ARGS)

.PHONY: peers
peers: $(VENV_BENCH)/stamp $(PEERS)/node/node_modules/stamp $(PEERS)/go/bin/stamp  ## Set up what the exporter is measured against (needs Node.js and Go)

.PHONY: lock
lock: $(VENV)/dev.stamp  ## Write requirements*.txt anew from pyproject.toml (LOCK=--upgrade for the newest versions)
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "make lock: needs Python 3.11, the oldest supported: make clean && make lock PYTHON=python3.11" >&2; exit 1; }
	$(PIP_COMPILE) $(LOCK) --output-file requirements.txt pyproject.toml
	$(PIP_COMPILE) $(LOCK) --only-build-deps --build-deps-for=wheel --output-file requirements-build.txt pyproject.toml
	$(PIP_COMPILE) $(LOCK) --extra dev --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml
	$(PIP_COMPILE) $(LOCK) --extra bench --constraint requirements.txt --output-file requirements-bench.txt pyproject.toml

.PHONY: clean
clean:  ## Remove .venv*, node_modules, caches and builds; never ./data
	rm -rf $(VENV) $(VENV_BENCH) build dist dashboards/preview/node_modules $(PEERS)/node/node_modules $(PEERS)/go/bin .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "make: no $(PYTHON) on PATH; Python >= 3.11 is needed, name it with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "make: $(PYTHON) is $$($(PYTHON) --version 2>&1); Python >= 3.11 is needed, name it with PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv --clear $(VENV)

$(VENV)/runtime.stamp: requirements.txt | $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes -r requirements.txt
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt pyproject.toml | $(VENV)/pyvenv.cfg
	$(PIP_INSTALL) --require-hashes -r requirements-dev.txt
	$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

# The benchmarks' own: the peers depend on half of the world, which has no place beside the development tools.
$(VENV_BENCH)/stamp: requirements-bench.txt
	$(PYTHON) -m venv --clear $(VENV_BENCH)
	$(VENV_BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-bench.txt
	@touch $@

$(PEERS)/node/node_modules/stamp: $(PEERS)/node/package.json $(PEERS)/node/package-lock.json
	cd $(PEERS)/node && npm ci --no-audit --no-fund
	@touch $@

$(PEERS)/go/bin/stamp: $(PEERS)/go/go.mod $(PEERS)/go/go.sum $(wildcard $(PEERS)/go/*/*.go)
	go build -C $(PEERS)/go -o bin/ ./...
	@touch $@

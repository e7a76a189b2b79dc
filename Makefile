# Everything a contributor does, one word each. `make help` lists them.
# Whatever the machine lacks is installed into .venv or compiled once into a cache outside the
# repository (tests/bed/README.md); only Python 3.11+ with venv, make, git
# and a C compiler are taken for granted.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PYTHON ?= $(shell requirements/find-python oldest)
VENV   := .venv
BIN    := $(VENV)/bin
BED    ?= local
BASE   ?= official
RELEASE = PYTHONPATH=.ci:operator/src:docs:$(PYTHONPATH) $(BIN)/python -m release

export PYTHONPATH := tests:examples
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## Show this help
	@grep -hE '^[a-z0-9-]+:.*?## ' $(MAKEFILE_LIST) | sort | \
	  awk 'BEGIN {FS = ":.*?## "} {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}'

$(VENV)/.locked: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "no Python 3.11 or newer with its venv module found (Debian: python3 python3-venv): install one, or set PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version) from requirements/dev.txt"
	@rm -rf $(VENV)
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	@touch $@

$(VENV)/.ready: $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.PHONY: setup
setup: $(VENV)/.ready ## Make the virtual environment

.PHONY: demo
demo: setup ## Bring up a control plane with simulated GPUs and watch models become Ready
	@$(BIN)/python -m demo

.PHONY: demo-down
demo-down: setup ## End what the demo started
	@$(BIN)/python -m demo --down

.PHONY: cluster-up
cluster-up: setup ## Start a local control plane with simulated GPU nodes (BED=kind: in Docker)
	@BED=$(BED) $(BIN)/python -m bed up

.PHONY: cluster-down
cluster-down: setup ## End it and leave nothing behind
	@$(BIN)/python -m bed down

.PHONY: test
test: setup lint ## Run everything: lint, types, unit, golden, property and integration tests
	@$(BIN)/python -m bed build
	@$(BIN)/python -m prom
	@$(BIN)/python -m gotools
	@requirements/test-newest $(BIN)/python
	@$(BIN)/python -m pytest

.PHONY: unit
unit: setup ## Run the tests that need no cluster
	@$(BIN)/python -m pytest -m "not cluster"

.PHONY: integration
integration: setup ## Run the tests on a real control plane
	@$(BIN)/python -m pytest -m cluster

.PHONY: lint
lint: setup ## Check format, style, imports, types, Dockerfiles and workflows
	@$(BIN)/ruff format --check --quiet . || { echo "run 'make format'" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/hadolint images/*/Dockerfile
	@$(BIN)/zizmor --offline --no-progress --quiet --pedantic .github
	@$(BIN)/lint-imports > .lint-imports.log 2>&1 || { cat .lint-imports.log; exit 1; }
	@$(BIN)/mypy --no-error-summary

.PHONY: format
format: setup ## Format the code and fix what can be fixed
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

.PHONY: crds
crds: setup ## Generate crds/, and the chart's copies, from the API models
	@$(BIN)/cosmos3-operator crds --output crds
	@$(BIN)/cosmos3-operator crds --output charts/cosmos3-operator/files/crds

.PHONY: docs
docs: setup ## Generate the pages of docs/ that are made from code and data, and the dashboards
	@$(BIN)/python docs/generate.py
	@PYTHONPATH=docs $(BIN)/python -m dashboards
	@PYTHONPATH=docs $(BIN)/python -m chart_values

.PHONY: golden
golden: setup ## Rewrite the golden files; read the diff
	@$(BIN)/python -m pytest -q tests/golden tests/golden_status tests/chart/test_golden.py --update-golden

.PHONY: restarts
restarts: setup ## Note the pod templates of this code, once CHANGELOG.md says which pods restart
	@$(BIN)/python -m restarts

.PHONY: gallery
gallery: setup ## Make every failure of the gallery happen, and rewrite what users see; read the diff
	@$(BIN)/python -m bed build
	@$(BIN)/python -m gotools
	@$(BIN)/python -m pytest -q tests/gallery --update-golden
	@$(BIN)/python docs/generate.py

.PHONY: compat
compat: setup ## Judge every command line by the real servers' code (ONLY=vllm-omni-0.30.0, KEEP=no, SERVERS=no)
	@$(BIN)/python -m compat $(addprefix --only ,$(ONLY)) $(if $(filter no,$(KEEP)),--no-keep) $(if $(UPDATE),--update) $(if $(filter no,$(SERVERS)),--no-servers) $(if $(filter yes,$(SERVERS)),--servers)

.PHONY: snapshots
snapshots: ## Rewrite the snapshots of the servers' flags; read the diff
	@$(MAKE) compat UPDATE=1

.PHONY: chart-test
chart-test: setup ## Test chart, permissions, upgrades, GitOps and releases, with real Helm and a control plane
	@$(BIN)/python -m bed build
	@$(BIN)/python -m gotools
	@$(BIN)/python -m pytest tests/chart tests/gitops tests/restarts tests/release tests/integration

.PHONY: gitops-e2e
gitops-e2e: setup ## Live the pipeline of examples/gitops with Flux itself; compiles it first, ten minutes
	@$(BIN)/python -m bed build
	@$(BIN)/python -m gotools source-controller kustomize-controller helm-controller
	@$(BIN)/python -m pytest e2e/flux

.PHONY: bench
bench: setup ## Measure the operator against a bare client on a local control plane
	@$(BIN)/python -m bed build
	@$(BIN)/python -m bench

.PHONY: life
life: setup ## Live through 30 simulated hours, a judge compares each status with its pods (ARGS="--seed 7")
	@$(BIN)/python -m bed build
	@$(BIN)/python -m gotools
	@nice $(BIN)/python -m life $(ARGS)

.PHONY: images
images: setup ## Build the operator's image (as root; BASE=debian: without a registry; MAY_INSTALL=1)
	@$(BIN)/python images/build.py --base $(BASE) $(if $(MAY_INSTALL),--may-install)

.PHONY: image-test
image-test: setup ## Build it and run it with a read-only root and no rights, on a local control plane
	@$(BIN)/python images/build.py --base $(BASE) --to-run $(if $(MAY_INSTALL),--may-install)
	@$(BIN)/python -m bed build
	@$(BIN)/python -m pytest e2e/image

.PHONY: lock
lock: setup ## Pin the dependencies of pyproject.toml anew, with hashes and without index hosts
	@for set in "runtime pyproject.toml" "dev pyproject.toml --group dev" "build --group build"; do \
	  name=$${set%% *}; \
	  $(BIN)/uv pip compile --quiet $${set#$$name} --universal --python-version 3.11 \
	    --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade -o requirements/$$name.txt; \
	done
	@for image in "preflight" "generator --no-deps"; do \
	  name=$${image%% *}; \
	  $(BIN)/uv pip compile --quiet images/$$name/requirements.in $${image#$$name} --universal \
	    --python-version 3.12 --generate-hashes --no-header --no-annotate --no-emit-index-url --upgrade \
	    -o images/$$name/requirements.txt; \
	done
	@echo ziglang==0.15.2 | $(BIN)/uv pip compile --quiet - --universal --python-version 3.11 \
	  --generate-hashes --no-header --no-annotate --no-emit-index-url -o requirements/cc.txt

.PHONY: release
release: setup ## Write VERSION=0.2.0 into changelog, chart, image and code; read the diff (docs/releasing.md)
	@test -n "$${VERSION:-}" || { echo "say which version: make release VERSION=0.2.0" >&2; exit 1; }
	@$(RELEASE) prepare "$$VERSION"

.PHONY: release-check
release-check: setup ## Print the version if every place states the same (TAG=v0.2.0: and the tag)
	@$(RELEASE) check --tag "$${TAG:-}"

.PHONY: dist
dist: setup ## Make all that a release hands out in dist/ (REGISTRY=HOST/FOLDER, DIGEST=sha256:...)
	@rm -rf dist
	@$(RELEASE) dist --registry "$${REGISTRY:-}" --digest "$${DIGEST:-}"

.PHONY: package
package: setup ## Make the chart only, with the address of its image (REGISTRY, DIGEST)
	@$(RELEASE) package --registry "$${REGISTRY:-}" --digest "$${DIGEST:-}"

.PHONY: sbom
sbom: setup ## Write what the operator is made of to dist/sbom.cdx.json (CycloneDX)
	@mkdir -p dist
	@$(RELEASE) sbom > dist/sbom.cdx.json

.PHONY: clean
clean: ## Remove what make made in the repository; the compiled control plane stays in its cache
	@rm -rf .venv .venv-* .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .lint-imports.log dist

# Each target sets up .venv itself: with uv where it is installed, else with venv and
# pip. Nothing has to be there first but Python 3.11 or later.

.DEFAULT_GOAL := help

BIN := .venv/bin
READY := .venv/.ready
DEMO_READY := .venv/.demo-ready
NAMES := python3.14 python3.13 python3.12 python3.11 python3 python

# A shim of pyenv may stand on the PATH and yet not run, so each name is tried. Debian
# packs ensurepip apart, and only uv can do without it.
PROBE := import sys; assert sys.version_info >= (3, 11); print(sys.executable)
PROBE_VENV := import ensurepip, venv; $(PROBE)
, := ,
FIND = for name in $(NAMES); do "$$name" -c '$(1)' 2>/dev/null && break; done

# Tests start hundreds of programs, each of which would compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

.PHONY: demo report html watch
demo: $(DEMO_READY) ## Watch three teams' spend on Bedrock grow, on this machine alone
	@rm -f demo.db demo.db-shm demo.db-wal
	@$(BIN)/bedrock-attrib demo --ledger demo.db $(ARGS)
	@echo "Or: make report, make html, make watch" >&2

# Each makes the calls of the demo first, if there are none yet.
report: demo.db ## Show the spend of the demo's calls; ARGS="--by model" groups them
	@$(BIN)/bedrock-attrib report --ledger demo.db $(or $(ARGS),--by team$(,)app$(,)model)

html: demo.db ## Write the same as a web page, report.html
	@$(BIN)/bedrock-attrib report --ledger demo.db --output report.html $(ARGS)

watch: demo.db ## Show the demo's spend per minute until Ctrl-C
	@$(BIN)/bedrock-attrib watch --ledger demo.db $(ARGS)

# The environment may be newer than the ledger, which is fine.
demo.db: | $(DEMO_READY)
	@$(BIN)/bedrock-attrib demo --duration 1 --ledger demo.db --json >/dev/null

.PHONY: test
test: $(READY) ## Run the tests; ARGS="-k price" runs some of them
	@$(BIN)/pytest --numprocesses 3 $(ARGS)

.PHONY: coverage
coverage: $(READY) ## Run the tests and show the branches that none of them takes
	@$(BIN)/pytest --numprocesses 2 --cov $(ARGS)

.PHONY: lint typing docs wheel
lint typing docs wheel: $(READY)
	@$(BIN)/nox --session $@ $(if $(ARGS),-- $(ARGS))
lint: ## Check style, format and spelling
typing: ## Check types
docs: ## Build the documentation into site/
wheel: ## Build the wheel and test it in a clean environment

.PHONY: matrix
matrix: $(READY) ## Run the tests on each Python, lowest and newest dependencies
	@$(BIN)/nox --session tests $(if $(ARGS),-- $(ARGS))

.PHONY: bench
bench: $(READY) ## Measure what the library costs a call
	@$(BIN)/nox --session bench $(if $(ARGS),-- $(ARGS))

.PHONY: clean
clean: ## Remove what the other targets made
	@rm -rf .venv .nox .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache \
		.ruff_cache dist site demo.db demo.db-shm demo.db-wal report.html

# The first argument is the extra of pyproject.toml, the second what it is for.
define INSTALL
	@echo "Setting up .venv for $(2) (once; again when pyproject.toml changes) ..." >&2
	@set -e; \
	if command -v uv >/dev/null 2>&1; then \
		python=$$($(call FIND,$(PROBE))); \
		$(BIN)/python -c '$(PROBE)' >/dev/null 2>&1 \
			|| uv venv --quiet --clear --python "$${python:->=3.11}" .venv; \
		uv pip install --python $(BIN)/python --editable '.[$(1)]'; \
	else \
		python=$$($(call FIND,$(PROBE_VENV))); \
		if [ -z "$$python" ]; then \
			echo "Python 3.11 or later with its venv module is needed, or uv." >&2; \
			echo "On Debian: apt-get install python3 python3-venv" >&2; \
			exit 1; \
		fi; \
		$(BIN)/python -c '$(PROBE_VENV)' >/dev/null 2>&1 \
			|| "$$python" -m venv --clear .venv; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 \
			|| $(BIN)/python -m ensurepip >/dev/null; \
		$(BIN)/python -m pip install --disable-pip-version-check \
			--editable '.[$(1)]' >&2; \
	fi
endef

# What contributors need includes what the demo needs.
$(READY): pyproject.toml
	$(call INSTALL,dev,contributors)
	@touch $@ $(DEMO_READY)

$(DEMO_READY): pyproject.toml
	$(call INSTALL,demo,the demo)
	@touch $@

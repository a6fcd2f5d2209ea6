# Everything below bootstraps itself: a fresh machine needs python3, pip and make, nothing else.
PYTHON ?= python3
UV := $(or $(shell command -v uv 2>/dev/null),.uv/bin/uv)
BIN := .venv/bin
READY := .venv/.ready
SDK := .conformance
SDK_VERSION := 3.34.0
PYKALSHI_VERSION := 2.0.0
KALSHI_SDK_VERSION := 22.4.0
CCXT_VERSION := 4.5.90
POLYMARKET_VERSION := 0.14.0
POLYMARKET_CLOB_VERSION := 1.2.1
POLYMARKET_NPM := node@24 @polymarket/client@0.2.0 @polymarket/clob-client-v2@1.1.0 viem@2
TYPESCRIPT_VERSION := 3.30.0

.PHONY: help demo browser inspector bundle release-check test lint format conformance drift facts table mutants bench cassettes transcript lock clean

help:
	@echo 'make demo | test | browser | inspector | release-check | bundle | lint | conformance | drift | facts | table | mutants | bench | cassettes | transcript | format | lock | clean'

demo: $(READY)
	@$(BIN)/prediction-mcp demo

# Four processes on two cores, since many tests wait; what they spawn reads compiled modules, also where the environment forbids writing them.
test: export PYTHONDONTWRITEBYTECODE =
test: $(READY)
	$(BIN)/python -m pytest -n 5 --durations=10 --durations-min=1

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Two of the clients ask for a newer Python in their metadata than their code needs, so they live in a folder of their own.
# Only what needs the clients of others: the rest of the folder is in make test.
conformance: $(READY) $(SDK)/.ready
	$(BIN)/python -m pytest tests/conformance --run-conformance -m conformance -n 2 --dist worksteal

# What the newest official SDKs on the package index change, and what client and exchange lack of them. SPEC=openapi.yaml adds
# a specification of Kalshi's REST.
drift: $(READY)
	@$(BIN)/python -m tests.conformance.drift "$(SPEC)"

# Renew the judges of tests/facts from a folder of specifications and recordings: make facts FROM=folder
facts: $(READY)
	@$(BIN)/python -m tests.facts.extract "$(FROM)"

# The table of endpoints in IMPLEMENTATION_SUMMARY.md.
table: $(READY)
	@$(BIN)/python -m tests.conformance.table
	@$(BIN)/python -m tests.docs.tables

# The MCP Inspector and the official conformance suite (npm), with the Node they need: 22.19 or newer.
inspector: $(READY)
	npm install --silent --no-audit --no-fund --no-save --force --prefix .inspector node@24 '@modelcontextprotocol/inspector@2.12.0' \
	  '@modelcontextprotocol/conformance@0.1.16'
	$(BIN)/python -m pytest tests/inspector

# Wheel and sdist, looked through, and the wheel tried in a clean venv of each Python that is here.
release-check: $(READY) | $(UV)
	PATH="$(CURDIR)/.uv/bin:$$PATH" $(BIN)/python packaging/release_check.py

# The bundle for Claude Desktop, checked by its own packer (npm).
bundle: | $(UV)
	rm -rf .release/mcpb && mkdir -p .release/mcpb dist
	cp -R src pyproject.toml README.md LICENSE packaging/mcpb/manifest.json .release/mcpb/
	find .release/mcpb -name __pycache__ -prune -exec rm -rf {} +
	npm install --silent --no-audit --no-fund --no-save --prefix .release '@anthropic-ai/mcpb@^2.1'
	.release/node_modules/.bin/mcpb validate .release/mcpb/manifest.json
	.release/node_modules/.bin/mcpb pack .release/mcpb dist/prediction-mcp.mcpb

# The dashboard and the apps in a real browser; needs Chromium (CHROMIUM=… where it is), node and npm.
browser: $(READY)
	npm install --silent --no-audit --no-fund --no-save --prefix .browser 'playwright-core@^1.60' 'axe-core@^4.10' \
	  '@modelcontextprotocol/ext-apps@^2.0'
	$(BIN)/python -m pytest tests/web/test_browser.py tests/web/test_apps.py

# Half an hour: what it changed in fees, ledger, analytics and limits without a test noticing; figures in docs/testing.md.
mutants: $(READY) | $(UV)
	$(UV) pip install --quiet --python $(BIN)/python 'mutmut>=3.8,<4'
	$(BIN)/mutmut run --max-children 2
	$(BIN)/mutmut results

bench: $(READY)
	$(BIN)/python benchmarks/engine.py
	$(BIN)/python benchmarks/cold_start.py
	$(BIN)/python benchmarks/tool_overhead.py
	$(BIN)/python benchmarks/read_budget.py
	$(BIN)/python benchmarks/shared_budget.py
	$(BIN)/python benchmarks/commands.py
	$(BIN)/python benchmarks/matching.py --whole
	$(BIN)/python benchmarks/automation.py
	$(BIN)/python benchmarks/ws_fanout.py
	$(BIN)/python benchmarks/feed.py
	$(BIN)/python benchmarks/feed_cuts.py
	$(BIN)/python benchmarks/rest_orders.py
	$(BIN)/python benchmarks/analytics.py
	$(BIN)/python benchmarks/search.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/context.py
	$(BIN)/python benchmarks/safety.py
	$(BIN)/python benchmarks/polymarket_signing.py
	$(BIN)/python benchmarks/polymarket_feed.py
	$(BIN)/python benchmarks/polymarket_orders.py
	$(BIN)/python benchmarks/records.py
	$(BIN)/python benchmarks/cache.py
	$(BIN)/python benchmarks/idle.py
	$(BIN)/python benchmarks/memory.py
	$(BIN)/python benchmarks/install.py

# Recorded against the paper exchange, or what KALSHI_ENV says; TOOLS names some of them.
cassettes: $(READY)
	$(BIN)/python -m tests.cassettes.record $(TOOLS)

transcript: $(READY)
	$(BIN)/python -m tests.transcript.session
	$(BIN)/python -m tests.transcript.across
	$(BIN)/python -m tests.transcript.standing

# Pins every version and hash for all supported Pythons; no addresses (see IMPLEMENTATION_SUMMARY.md, "The lock"). Of these
# deploy/requirements.lock has what the image of deploy/ needs.
lock: | $(UV)
	$(UV) lock --upgrade
	$(UV) export --frozen --quiet --all-groups --all-extras --no-emit-project --no-annotate --format requirements-txt -o requirements.lock
	rm -f uv.lock
	$(UV) pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11 --extra automation --extra postgres --extra redis --constraint requirements.lock pyproject.toml -o deploy/requirements.lock

$(READY): pyproject.toml requirements.lock | $(UV)
	$(UV) venv --quiet --allow-existing --python $(PYTHON) .venv
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install --quiet --python $(BIN)/python --no-deps -e .
	@touch $@

$(SDK)/.ready: Makefile | $(READY) $(UV)
	$(UV) pip install --quiet --no-deps --python-version 3.14 --target $(SDK) \
	  kalshi_python_async==$(SDK_VERSION) pykalshi==$(PYKALSHI_VERSION) kalshi-sdk==$(KALSHI_SDK_VERSION) ccxt==$(CCXT_VERSION)
	$(PYTHON) -m pip download --quiet --disable-pip-version-check --no-deps --ignore-requires-python --no-binary :all: --dest $(SDK)/src kalshi-sdk==$(KALSHI_SDK_VERSION)
	tar -xzf $(SDK)/src/kalshi_sdk-$(KALSHI_SDK_VERSION).tar.gz -C $(SDK)/src
	$(UV) pip install --quiet --no-deps --python-version 3.14 --target $(SDK)/polymarket polymarket-client==$(POLYMARKET_VERSION)
	$(UV) pip install --quiet --no-deps --target $(SDK)/polymarket py-clob-client-v2==$(POLYMARKET_CLOB_VERSION) 'py-order-utils<1' 'poly-eip712-structs<1'
	$(UV) pip install --quiet --python $(BIN)/python --target $(SDK)/polymarket 'eth-account>=0.14,<0.15' 'eth-abi>=6,<7' 'eth-utils>=6,<7' 'msgpack>=1.2,<2' 'h2>=4.4,<5'
	npm install --silent --no-audit --no-fund --no-save --prefix $(SDK)/polymarket $(POLYMARKET_NPM)
	npm install --silent --no-audit --no-fund --prefix $(SDK) kalshi-typescript@$(TYPESCRIPT_VERSION)
	@touch $@

.uv/bin/uv:
	$(PYTHON) -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

clean:
	rm -rf .venv .uv $(SDK) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis dist mutants

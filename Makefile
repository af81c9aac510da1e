# make run     a local Iterable, two syncs of it into a DuckDB file (CONFIG=config.json: your own project)
# make test    the tests, with the types and the style of the code
# make bench   the connector against its published peers
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench lock clean

run: $(VENV)/.demo
	$(BIN)/python -m integration_tests.demo $(if $(CONFIG),--config $(CONFIG))

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(ARGS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

# The lock files hold every version and hash that is installed, and no registry's name.
lock: $(VENV)/.dev
	for extra in runtime dev demo; do \
	  $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-header \
	    $$(test $$extra = runtime || echo --extra $$extra) $(UPGRADE) pyproject.toml --output-file requirements/$$extra.txt; \
	done

$(VENV)/.dev: requirements/dev.txt pyproject.toml
	$(call install,dev)

$(VENV)/.demo: requirements/demo.txt requirements/dev.txt pyproject.toml
	$(call install,dev)
	$(call install,demo)

define install
test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/$(1).txt
$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
touch $(VENV)/.$(1)
endef

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

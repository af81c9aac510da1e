# make run        a local Iterable, two loads of it into a DuckDB file, models and a report (CONFIG=config.json: your own project)
# make models     DATABASE=iterable.duckdb (or postgresql://...): answers, as tables made by dbt
# make report     the same DATABASE: one HTML file from them, the page of campaigns and channels for every morning
# make live       CONFIG=config.json: check on your project what the connector relies on; reads only, reports no values
# make test       the tests, in three processes (ARGS="-k name" for some of them; WORKERS=0: in this one)
# make test-warehouses  the tests of every warehouse, and of hostile responses to every kind of stream (ARGS as above)
# make test-models  the tests of the dbt package, with dbt installed; those of the report need Debian's chromium (ARGS as above)
# make recipes    the examples of docs/run-it.md in Dagster, Airflow and Prefect, whose newest versions it installs
# make pyairbyte  the connector in PyAirbyte, against a local Iterable
# make storm      seeded storms of faults and kills against the local Iterable (N=500: as many; SEED=7: from this seed on)
# make lint       style, types, declared dependencies, workflows
# make docs       the tables and diagrams of docs/, from the code
# make site       the pages as a site with search, in site/; fails if a link, an anchor or a page's place in zensical.toml is missing
# make bench      the connector against its published peers
# make bench-large  what syncs of large projects take (ARGS="--only journeys": some; ARGS=--write: also into benchmarks/README.md)
# make simulate   how long whole syncs take, in virtual time (ARGS=--check: the small ones, fails if one takes too long;
#                 ARGS="--write --processes 2": also into benchmarks/README.md)
# make witnesses  what published connectors and Iterable's own client read in the local Iterable (needs Node)
# make image      both images, without a Docker engine (root on Debian), tested against the local Iterable
#                 (RELEASE=trixie: on the Python of that Debian release instead of this machine's)
# make test-on    RELEASE=trixie: the tests on that release's Python (root on Debian; ARGS as above)
# make release    VERSION=x.y.z: one commit and a tag (DOCUMENTATION=https://...: where the spec points from then on;
#                 OWNER=account: who owns the repository and its images)
# make release-check TAG=vx.y.z  whether everything in this checkout is of that release; make release-notes TAG=vx.y.z: what is new in it
# make dist       the wheel and the sources, in dist/, and what the wheel does where it is installed alone
# make publish    upload dist/, only in the workflow `release`
# make lock       regenerate the lock files (UPGRADE=--upgrade: with newer versions), and copy the page's library (needs Node)
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYAIRBYTE := .venv-pyairbyte
MODELS := .venv-models
MODELS_TEST := .venv-models-test
RECIPES := .venv-recipes
AIRFLOW := .venv-airflow
PUBLISH := .venv-publish
SITE := .venv-site
DATABASE ?= demo/iterable.duckdb
# Recipes get it from the environment, as it was typed, and do not show it: a URL may contain a password.
override DATABASE := $(value DATABASE)
export DATABASE
WORKERS ?= 3
N ?= 50
SEED ?= 1
PYTEST := $(BIN)/python -m pytest --numprocesses=$(WORKERS) --dist=worksteal
# Python compiles what it imports; compiling all that is installed takes a third of the time.
PIP := -m pip install --quiet --disable-pip-version-check --no-compile
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-strip-extras --no-header $(UPGRADE)

.PHONY: run models report live pyairbyte recipes test test-warehouses test-models storm lint docs site bench bench-large simulate witnesses image test-on release release-check release-notes dist publish lock clean

run: $(MODELS)/.installed
	$(MODELS)/bin/python -m integration_tests.demo $(if $(CONFIG),--config $(CONFIG))
	$(MAKE) --no-print-directory report DATABASE=demo/$(if $(CONFIG),my-,)iterable.duckdb

models: $(MODELS)/.installed
	$(MODELS)/bin/python dbt/build.py $(ARGS)

report: models
	$(MODELS)/bin/python dbt/report.py

live: $(VENV)/.installed
	$(if $(CONFIG),,$(error make live needs a configuration: make live CONFIG=config.json))
	$(BIN)/python -m integration_tests.live --config "$(CONFIG)" $(ARGS)

# Only the tests of the dbt package need dbt, which is large.
test: $(VENV)/.installed
	$(PYTEST) $(if $(ARGS),$(ARGS),-m "not models and not warehouses and not kinds and not recipes")

test-warehouses: $(VENV)/.installed
	$(PYTEST) -m "warehouses or kinds" $(ARGS)

test-models: $(VENV)/.installed $(MODELS_TEST)/.installed
	# A file's tests share builds of the models, so one process takes them all.
	$(PYTEST) --dist=loadscope -m models $(ARGS)

recipes: $(VENV)/.installed $(RECIPES)/.installed $(AIRFLOW)/.installed
	$(BIN)/python -m pytest -m recipes $(ARGS)

pyairbyte: $(PYAIRBYTE)/.installed
	$(PYAIRBYTE)/bin/python -m integration_tests.pyairbyte

storm: $(VENV)/.installed
	$(BIN)/python -m integration_tests.storm --runs $(N) --seed $(SEED)

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/deptry .
	$(BIN)/actionlint .github/workflows/*.yml docs/examples/github-actions.yml
	$(BIN)/zizmor --quiet --offline --pedantic .github docs/examples/github-actions.yml

docs: $(VENV)/.installed
	PYTHONPATH=. $(BIN)/python docs/tables.py
	$(BIN)/python docs/columns.py
	$(BIN)/python dbt/generate.py

site: $(SITE)/.installed
	$(SITE)/bin/python tools/pages.py
	$(SITE)/bin/zensical build --strict --clean

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks $(ARGS)

bench-large: $(VENV)/.installed
	$(BIN)/python -m benchmarks.large $(ARGS)

simulate: $(VENV)/.installed
	$(BIN)/python -m benchmarks.simulate $(ARGS)

witnesses: $(VENV)/.installed
	$(BIN)/python -m integration_tests.witnesses

image: $(VENV)/.installed
	PYTHON=$(BIN)/python tools/image/run $(RELEASE)

test-on:
	tools/image/tests $(or $(RELEASE),trixie) $(ARGS)

release: $(VENV)/.installed
	$(BIN)/python tools/release.py $(VERSION) $(if $(DOCUMENTATION),--documentation $(DOCUMENTATION)) $(if $(OWNER),--owner $(OWNER))

# Only the standard library: nothing else is installed where a tag is checked.
release-check:
	$(PYTHON) tools/release.py --check "$(TAG)"

release-notes:
	@$(PYTHON) tools/release.py --notes "$(TAG)"

# Built from a copy, in which README has the links that the package index needs. Where the wheel is tried, it is alone with what
# the connector needs: nothing of this checkout.
dist: $(VENV)/.installed
	rm -rf dist
	mkdir -p dist/.source
	cp -R source_iterable pyproject.toml CHANGELOG.md LICENSE .gitignore dist/.source
	$(BIN)/python tools/pages.py --readme dist/.source/README.md
	cd dist/.source && ../../$(BIN)/python -m hatchling build --directory ..
	$(PYTHON) -m venv --clear dist/.venv
	dist/.venv/bin/python $(PIP) --require-hashes --requirement requirements/runtime.txt
	dist/.venv/bin/python $(PIP) --no-deps dist/*.whl
	cd dist && .venv/bin/iterable-source --version && .venv/bin/source-iterable spec >/dev/null
	dist/.venv/bin/python $(PIP) --require-hashes --requirement requirements/load.txt
	$(BIN)/python -m integration_tests.installed dist/.venv/bin
	rm -rf dist/.venv dist/.source

# As whom, the workflow's own identity says; uv knows where to.
publish: $(PUBLISH)/.installed
	$(PUBLISH)/bin/uv publish --trusted-publishing always dist/*

# The lock files pin every installed version and hash, and name no registry.
lock: $(VENV)/.installed
	$(COMPILE) pyproject.toml --output-file requirements/runtime.txt
	$(COMPILE) pyproject.toml --extra load --constraint requirements/runtime.txt --output-file requirements/load.txt
	$(COMPILE) pyproject.toml --extra dev --extra load --output-file requirements/dev.txt
	$(COMPILE) pyproject.toml --extra pyairbyte --output-file requirements/pyairbyte.txt
	$(COMPILE) dbt/requirements.in requirements/run.in --output-file requirements/models.txt
	$(COMPILE) dbt/requirements-test.in --output-file requirements/models-test.txt
	$(subst 3.10,3.11,$(COMPILE)) requirements/site.in --output-file requirements/site.txt
	echo hatchling | $(COMPILE) --constraint requirements/dev.txt - --output-file requirements/build.txt
	echo uv | $(COMPILE) --constraint requirements/dev.txt - --output-file requirements/publish.txt
	$(BIN)/python tools/lock.py requirements/*.txt
	cd dbt/page/vendor && npm ci --ignore-scripts --no-audit --no-fund && cp node_modules/datatables.net/License.txt node_modules/datatables.net/js/dataTables.min.js . && rm -r node_modules

$(VENV)/.installed: requirements/dev.txt pyproject.toml
	@echo "Installing the connector, and what the tests need, into $(VENV): a minute or two."
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python $(PIP) --require-hashes --requirement requirements/dev.txt
	$(BIN)/python $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(PYAIRBYTE)/.installed: requirements/pyairbyte.txt pyproject.toml
	@echo "Installing PyAirbyte and the connector into $(PYAIRBYTE): a minute or two."
	test -x $(PYAIRBYTE)/bin/python || $(PYTHON) -m venv $(PYAIRBYTE)
	$(PYAIRBYTE)/bin/python $(PIP) --require-hashes --requirement requirements/pyairbyte.txt
	$(PYAIRBYTE)/bin/python $(PIP) --no-deps --no-build-isolation --editable .
	touch $@

$(MODELS)/.installed: requirements/models.txt
	@echo "Installing dbt, and what a load into DuckDB needs, into $(MODELS) (280 MB): about half a minute."
	test -x $(MODELS)/bin/python || $(PYTHON) -m venv $(MODELS)
	$(MODELS)/bin/python $(PIP) --require-hashes --requirement requirements/models.txt
	touch $@

$(MODELS_TEST)/.installed: requirements/models-test.txt
	@echo "Installing dbt for four databases into $(MODELS_TEST) (950 MB): two minutes or more."
	test -x $(MODELS_TEST)/bin/python || $(PYTHON) -m venv $(MODELS_TEST)
	$(MODELS_TEST)/bin/python $(PIP) --require-hashes --requirement requirements/models-test.txt
	touch $@

# Not locked: whoever follows a recipe gets the newest versions, too.
$(RECIPES)/.installed: requirements/recipes.in pyproject.toml $(VENV)/.installed
	@echo "Installing Dagster, Prefect, dbt and the connector into $(RECIPES) (800 MB): about half a minute."
	test -x $(RECIPES)/bin/python || $(PYTHON) -m venv $(RECIPES)
	$(BIN)/uv pip install --quiet --upgrade --python $(RECIPES)/bin/python --requirement requirements/recipes.in --editable ".[load]"
	touch $@

$(AIRFLOW)/.installed: requirements/airflow.in $(VENV)/.installed
	@echo "Installing Airflow into $(AIRFLOW) (330 MB): about half a minute."
	test -x $(AIRFLOW)/bin/python || $(PYTHON) -m venv $(AIRFLOW)
	$(BIN)/uv pip install --quiet --upgrade --python $(AIRFLOW)/bin/python --requirement requirements/airflow.in
	touch $@

$(PUBLISH)/.installed: requirements/publish.txt
	test -x $(PUBLISH)/bin/python || $(PYTHON) -m venv $(PUBLISH)
	$(PUBLISH)/bin/python $(PIP) --require-hashes --requirement requirements/publish.txt
	touch $@

$(SITE)/.installed: requirements/site.txt
	test -x $(SITE)/bin/python || $(PYTHON) -m venv $(SITE)
	$(SITE)/bin/python $(PIP) --require-hashes --requirement requirements/site.txt
	touch $@

clean:
	rm -rf $(VENV) $(PYAIRBYTE) $(MODELS) $(MODELS_TEST) $(RECIPES) $(AIRFLOW) $(PUBLISH) $(SITE) dbt/target dbt/logs report.html demo build dist site .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

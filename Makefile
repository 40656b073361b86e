# Two commands for everybody:   make app    and   make test
# Windows without make: see README.md.
PYTHON3 ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv/bin
HOST ?= 127.0.0.1
PORT ?= 8501

.PHONY: app test lint types soak bench setup-app setup-dev lock wheels sbom guides clean

setup-app:
	@$(PYTHON3) scripts/setup.py app

setup-dev:
	@$(PYTHON3) scripts/setup.py dev
	@sh scripts/debian-packages.sh

## Set everything up, compute the sample region if there is no run yet, serve the app.
app: setup-app
	@$(VENV)/python -m coverage serve --host $(HOST) --port $(PORT)

## Set everything up and run every test; prints the share of lines that the tests reach.
test: setup-dev
	@$(VENV)/python scripts/run_tests.py

lint: setup-dev
	@$(VENV)/ruff check .
	@$(VENV)/python scripts/check_tree.py

types: setup-dev
	@$(VENV)/mypy

## Long forms of the fault tests and of the fuzzing.
soak: setup-dev
	@$(VENV)/python -m pytest -m soak

bench: setup-dev
	@for name in radio network plan store uploads scale web; do $(VENV)/python -m benchmarks.$$name || exit 1; done

## Rewrite the lock files (needs uv).
lock:
	@requirements/export.sh

## One folder of wheels for an install without a network (this platform and Python).
wheels: setup-app
	@mkdir -p wheels
	@$(VENV)/python -m pip download --quiet --only-binary :all: --require-hashes -r requirements/app.txt -d wheels
	@$(VENV)/python -m pip wheel --quiet --no-deps --no-build-isolation -w wheels .
	@ls wheels | wc -l | xargs echo "wheels:"

## Software bill of materials of a release (CycloneDX 1.6).
sbom: setup-app
	@$(VENV)/python scripts/sbom.py sbom.json

clean:
	@rm -rf .artefacts .mypy_cache .ruff_cache

## Make the pictures of the README and of the four guides anew (some minutes; needs Chromium).
guides: setup-dev
	@$(VENV)/python -m scripts.guide_pictures

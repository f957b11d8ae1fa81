# Frameloom on one machine. `make help` lists the targets.
.DEFAULT_GOAL := help
.PHONY: help demo env env-demo image test check lint types format definition bench fuzz compatibility chaos corpus dist release clean
SHELL := /bin/sh

UV = $$(sh tools/bootstrap.sh)
# Makes the environment; announces a download and its size first.
SYNC = uv=$(UV) && $$uv run --quiet --no-project --python 3.11 tools/sync_environment.py $$uv --locked
RUN = .venv/bin
OUT ?= out
# The floor is checked once, after all tests.
COVER = --cov --cov-report= --cov-fail-under=0
BELOW = Coverage is below the floor, fail_under in pyproject.toml. Add unit tests for the lines that the change adds: \
	.venv/bin/coverage report --show-missing

help:  ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: env-demo  ## Render frames 1-17 of the example to out/rolling_ball.mp4, through the real state machine.
	@$(RUN)/frameloom render examples/rolling_ball.blend --frames 1-17 --out $(OUT)

env-demo:
	@$(SYNC) --inexact --no-default-groups --extra lambda --extra cli --extra worker --extra local
	@$(RUN)/python tools/system_libraries.py

env:  ## Make the whole environment: Blender, the farm, and the tools of its developers.
	@# Compiled at once: the tests start hundreds of processes, and where no bytecode may be written each would compile.
	@export UV_COMPILE_BYTECODE=1; $(SYNC) --all-extras --all-groups
	@$(RUN)/python tools/system_libraries.py

image:  ## Build the worker's image: BLENDER_VERSIONS="4.5 5.0"; with STACK=NAME push it to that stack's repository.
	@$(SYNC) --inexact --no-default-groups
	@$(RUN)/python -m tools.image $(or $(BLENDER_VERSIONS),$(BLENDER_VERSION),4.5) $(if $(STACK),--stack $(STACK)) $(if $(BASE_IMAGE),--base $(BASE_IMAGE))

test: env  ## Run the whole test suite, and fail below the floor of coverage.
	$(RUN)/pytest -m "not alone" --numprocesses logical --maxprocesses 4 --no-loadscope-reorder $(COVER)
	$(RUN)/pytest -m alone $(COVER) --cov-append || [ $$? -eq 5 ]  # 5: there is no such test
	@$(RUN)/coverage report --format=total >/dev/null || { $(RUN)/coverage report; echo "$(BELOW)" >&2; exit 1; }

check: lint types test  ## Run lint, types and tests, as CI does.

lint: env  ## Check style, import directions and prose.
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/lint-imports
	$(RUN)/python -m tools.prose --check

types: env  ## Check types.
	$(RUN)/mypy

format: env  ## Bring the code into shape.
	$(RUN)/ruff check --fix
	$(RUN)/ruff format

definition: env  ## Generate the state machine's ASL and its picture from statemachine/definition.py.
	$(RUN)/python -m statemachine

bench: env  ## Time the farm against plain Blender, others and plain moto, its worker, planner and films: 35 minutes.
	$(RUN)/python -m benchmarks
	$(RUN)/python -m benchmarks.worker
	$(RUN)/python -m benchmarks.alternatives
	$(RUN)/python -m benchmarks.plan_million --present most
	$(RUN)/python -m benchmarks.fleet
	$(RUN)/python -m benchmarks.film
	$(RUN)/python -m benchmarks.orchestrator

fuzz: env  ## Feed damaged requests, messages and scenes to their readers: EXAMPLES=5000, then SECONDS=60 each.
	FUZZ_EXAMPLES=$(or $(EXAMPLES),5000) $(RUN)/pytest --timeout=0 tests/fuzz/test_fuzz.py
	$(RUN)/python -m tests.fuzz --seconds $(or $(SECONDS),60) --corpus .fuzz $(if $(SEED),--seed $(SEED))

compatibility: env  ## Render the whole compatibility matrix with each Blender, and write docs/compatibility.md.
	$(RUN)/python -m tests.compatibility --write

chaos: env  ## Disturb a local farm for MINUTES=3 as SEED=n decides, and see that nothing is lost.
	$(RUN)/python -m tests.chaos $(if $(SEED),--seed $(SEED)) --minutes $(or $(MINUTES),3)

corpus: env  ## Compare each .blend below DIR=folder with plain Blender: facts, verdict, pixels. ENGINE=CYCLES BLENDER=4.5
	@$(RUN)/python -m tests.corpus $(or $(DIR),$(error name a folder: make corpus DIR=folder)) \
		$(if $(ENGINE),--engine $(ENGINE)) $(if $(BLENDER),--blender $(BLENDER)) $(if $(LIMIT),--limit $(LIMIT)) $(if $(JSON),--json)

dist:  ## Build the wheel and the source archive in dist/.
	@uv=$(UV) && $$uv build --out-dir dist

release: env  ## Check, build and tag VERSION=0.1.0 of a clean checkout of main. Pushes nothing.
	@$(RUN)/python tools/release.py $(if $(SKIP_CHECK),--skip-check) $(VERSION)

clean:  ## Remove environments and caches. Rendered files in out/ stay.
	rm -rf .venv .uv .blenders tools/*/.venv tools/*/node_modules .aws-sam
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .fuzz .corpus .coverage

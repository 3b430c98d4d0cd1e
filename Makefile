# Every target sets up what it needs in .venv; a repeat run finds its stamp and starts at once.
# Needs git, make, and a Python of 3.11 or newer with its venv module.

PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python; do \
	$$p -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$p && break; done)
BIN := .venv/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
PACKAGES := mvc hooks compress

# Tests in parallel; PYTEST_FLAGS= for one process.
PYTEST_FLAGS ?= -n auto
PYTEST = HYPOTHESIS_PROFILE=$${HYPOTHESIS_PROFILE:-ci} $(BIN)/python -m pytest

# The second and third reach the build backend too: pip's -c holds only what is installed.
INSTALL = PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_CONSTRAINT=constraints.txt \
	PIP_BUILD_CONSTRAINT=constraints.txt $(BIN)/python -m pip install -q -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo demo-merge demo-compress test test-torch test-docs test-faults test-differential test-hooks test-hostile test-pages test-sanitized fuzz lint format types imports weight-hashes bench bench-storage bench-compression docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

demo: .venv/.core ## version real models: examples/quickstart
	$(BIN)/python examples/quickstart/run.py

demo-merge: .venv/.dev ## merge two real fine-tunes: examples/merge
	$(BIN)/python examples/merge/run.py

demo-compress: .venv/.compress ## compress a language model, take one wave back: examples/compression
	$(BIN)/python examples/compression/run.py

test: .venv/.dev ## every test but the slow ones and those that need PyTorch
	$(PYTEST) $(PYTEST_FLAGS) -m "not slow and not torch and not faults_full"

test-torch: .venv/.compress ## tests against PyTorch itself, and of mvc compress
	$(PYTEST) -m "torch and not slow"

test-docs: .venv/.dev ## type every command that the docs show (needs the demo's models)
	$(PYTEST) $(PYTEST_FLAGS) -m slow tests/cli/test_documented_commands.py

test-faults: .venv/.dev ## cut, kill, fail and fill every command (full disks: as root)
	$(PYTEST) $(PYTEST_FLAGS) -m "faults or faults_full"

test-hostile: .venv/.dev ## every verb on every hostile file and repository
	$(PYTEST) $(PYTEST_FLAGS) -m slow tests/corpus

test-pages: .venv/.dev ## the page of a difference in a browser (apt install chromium)
	$(PYTEST) -m slow tests/cli/test_page_in_browser.py

FUZZ_SECONDS ?= 60
fuzz: .venv/.fuzz ## each parser under atheris for FUZZ_SECONDS
	$(BIN)/python tests/fuzz $(FUZZ_SECONDS)

SANITIZED := .cache/sanitized
SANITIZE := gcc -std=c11 -g -O1 -fPIC -shared -fvisibility=hidden -ffp-contract=off -fsanitize=address,undefined \
	-fno-sanitize-recover=undefined
SANITIZED_PYTEST = LD_PRELOAD=$$(gcc -print-file-name=libasan.so) \
	ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 $(PYTEST) -k "not built_from_the_source"
test-sanitized: .venv/.dev ## the compiled kernel under AddressSanitizer and UBSan (GCC, Linux)
	mkdir -p $(SANITIZED)
	$(SANITIZE) -o $(SANITIZED)/_kernel.so mvc/store/kernel/*.c
	$(SANITIZED_PYTEST) tests/store tests/merge/test_compiled_passes.py --kernel $(SANITIZED)/_kernel.so
	for less in WITHOUT_AVX512 PORTABLE; do \
		$(SANITIZE) -DMVC_$$less -o $(SANITIZED)/_$$less.so mvc/store/kernel/*.c && \
		$(SANITIZED_PYTEST) tests/store/test_*codec*.py tests/store/test_kernel.py tests/merge/test_compiled_passes.py \
			--kernel $(SANITIZED)/_$$less.so || exit 1; \
	done

test-differential: .venv/.dev ## thousands of random histories in Git and in mvc
	$(PYTEST) -m "slow or not slow" tests/differential

test-hooks: .venv/.dev ## the weight-hash hook, installed by pre-commit from this repository
	$(PYTEST) -m "slow or not slow" tests/hooks

lint: .venv/.dev ## style and spelling
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell

format: .venv/.dev ## put the style right
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: .venv/.dev ## mypy, strict
	$(BIN)/mypy --strict $(PACKAGES)

imports: .venv/.dev ## imports point one way
	$(BIN)/lint-imports --no-cache

weight-hashes: .venv/.dev ## our own hook: hashes of the weights that Git tracks here
	$(BIN)/mvc-weight-hashes

bench: .venv/.dev ## the numbers in docs, on this machine (BENCH_FLAGS=--scale: half an hour more)
	$(BIN)/python -m benchmarks $(BENCH_FLAGS)

bench-storage: .venv/.bench .venv/.torch demo ## sizes against every other tool (trains a family; two hours)
	$(BIN)/python -m benchmarks.storage.install
	$(BIN)/python -m benchmarks.storage $(BENCH_FLAGS)

bench-compression: .venv/.compress ## compression of a real model beside llm-compressor (hours)
	$(INSTALL) accelerate gguf
	$(BIN)/python -m benchmarks.compression.peer
	$(BIN)/python -m benchmarks.compression $(BENCH_FLAGS)

docs: .venv/.docs ## the documentation as a site in site/
	$(BIN)/mkdocs build --strict --quiet

clean: ## remove the environment, caches and build outputs
	rm -rf .venv .cache .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer with venv found;" \
		"on Debian: apt install python3 python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/.core: .venv/pyvenv.cfg pyproject.toml constraints.txt hatch_build.py $(wildcard mvc/store/kernel/*.[ch])
	$(INSTALL) -e .
	@touch $@

.venv/.dev .venv/.docs .venv/.torch .venv/.fuzz .venv/.bench .venv/.compress: .venv/.%: .venv/.core
	$(INSTALL) -e ".[$*]"
	@touch $@

# The torch tests need the test tools, and must not race them into the same environment.
.venv/.torch .venv/.fuzz .venv/.bench .venv/.compress: .venv/.dev

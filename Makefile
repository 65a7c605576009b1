# isoflop: `make demo` trains and fits a small sweep; `make test` checks everything.

# The first Python of at least 3.11; name another with PYTHON=.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$p"; break; }; done)
# Passed on to pip, for instance to choose a CPU-only torch.
PIP_ARGS ?=
# Passed on to pytest.
PYTEST_ARGS ?=
VENV := .venv
BIN := $(VENV)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help install dev demo test test-all lint format docs lock clean

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed  ## Set up the virtual environment; leaves .venv/bin/isoflop.

dev: $(VENV)/.dev  ## The same, with the tools that `make test` needs.

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "isoflop needs Python 3.11 or newer; name one with PYTHON=/path/to/python" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { rm -rf $(VENV); echo "venv failed: on Debian, install python3-venv" >&2; exit 1; }

$(VENV)/.installed: EXTRAS :=
$(VENV)/.dev: EXTRAS := [dev]
$(VENV)/.installed $(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "Installing isoflop into $(VENV): about 0.5 GB to download and 1.7 GB on disk with a CPU-only torch;"
	@echo "with CUDA builds of torch several GB more. PIP_ARGS=… is passed on to pip, to choose a torch."
	$(BIN)/python -m pip install --quiet $(PIP_ARGS) --constraint constraints.txt --editable '.$(EXTRAS)'
	@touch $(VENV)/.installed $@

demo: install  ## Train the demo sweep on this machine and fit its law (at most 4 minutes on 2 cores).
	ISOFLOP_HOME=.isoflop $(BIN)/isoflop run sweeps/conf/demo.yaml --yes

# A file's tests share their fixtures in one process; those that start processes of their own come first.
PARALLEL := -n 3 --dist loadfile --no-loadscope-reorder
FOLDERS := tests/browser tests/integration tests/chaos tests/gpu tests/unit

test: dev  ## Run the tests, the slow ones apart.
	$(BIN)/python -m pytest -m "not slow" $(PARALLEL) $(PYTEST_ARGS) $(FOLDERS)

test-all: dev  ## Run all tests.
	$(BIN)/python -m pytest

lint: dev  ## Check style, types and the floors of the architecture.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: dev  ## Format the code.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: dev  ## Write the generated references anew.
	$(BIN)/python -m sweeps.file.reference
	$(BIN)/python -m orchestrator.cli.reference

# Chosen by PIP_ARGS, for a CPU or a kind of GPU: pinned by version in constraints.txt, of many builds with a hash each.
TORCH := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cupti \
	nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-curand \
	nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink \
	nvidia-nvshmem-cu13 nvidia-nvtx

lock:  ## Write docker/requirements.txt anew from constraints.txt (needs uv).
	{ sed -n 1p docker/requirements.txt; echo "hatchling==1.33.0" | uv pip compile --quiet pyproject.toml - --extra postgres \
		--constraint constraints.txt --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		$(TORCH:%=--no-emit-package %); } >docker/.requirements && mv docker/.requirements docker/requirements.txt

clean:  ## Remove the virtual environment and the demo's state.
	rm -rf $(VENV) .isoflop

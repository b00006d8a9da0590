PYTHON ?= .venv/bin/python

.PHONY: install check test slow faults tools docs ci

install:
	python3 -m venv .venv
	.venv/bin/pip install -c constraints.txt -e '.[dev]'

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy -p coconut_bench

test:
	$(PYTHON) -m pytest -n auto

slow:
	$(PYTHON) -m pytest -m slow

# Kills, damaged files and bad inputs: about ten minutes on two cores; prints the counts (docs/reliability.md).
faults:
	OMP_NUM_THREADS=1 PYTHONPATH=tests:$$PYTHONPATH $(PYTHON) -m faults

# With lm-evaluation-harness, reasoning-gym, inspect-ai or Ray installed (extras tools, inspect and ray).
tools:
	$(PYTHON) -m pytest -m tools tests/test_integrations.py tests/test_docs.py tests/test_ray.py

# Into site/. The reference is made from the checkout under its package's name.
docs:
	mkdir -p .docs && ln -sfn .. .docs/coconut_bench
	$(PYTHON) -m mkdocs build --strict

ci:
	.ci/run

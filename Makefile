PYTHON ?= .venv/bin/python

.PHONY: install check test slow ci

install:
	python3 -m venv .venv
	.venv/bin/pip install -c constraints.txt -e '.[dev]'

check:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy -p coconut_bench

test:
	$(PYTHON) -m pytest

slow:
	$(PYTHON) -m pytest -m slow

ci:
	.ci/run

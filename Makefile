# Needs make and Python >= 3.11, nothing else:
#   make demo | test | quick | oldest | oracles | golden | lint | generated | clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
LOWER := tests/engine tests/spec tests/io tests/data tests/notation tests/test_project.py
EXAMPLES := $(basename $(notdir $(wildcard symnn/examples/*.toml symnn/examples/graphs/*.toml)))

.PHONY: demo test quick oldest oracles golden lint generated clean

demo: .venv/installed
	mkdir -p demo
	cd demo && ../$(BIN)/symnn derive digits -o digits.tex --force
	@if command -v pdflatex >/dev/null; then cd demo && ../$(BIN)/symnn derive digits -o digits.pdf --force; fi
	cd demo && ../$(BIN)/symnn check digits
	cd demo && ../$(BIN)/symnn generate digits --force
	cd demo && ../$(BIN)/symnn train digits --force
	@echo "The notes, the module and its trained weights:" && ls demo/digits*

test: .venv/installed-test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# the rooms that all others stand on, with few random cases
quick: .venv/installed-test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --networks 4 --fuzz 300 $(LOWER)

# the same, and the command line, with the oldest SymPy, NumPy, Jinja and click that pyproject.toml
# allows; the oldest NumPy has wheels for Python 3.11 and 3.12:  make oldest PYTHON=python3.11
oldest: .venv/oldest/installed
	.venv/oldest/bin/python -m pytest --numprocesses auto --dist worksteal --networks 4 --fuzz 300 $(LOWER) \
		tests/cli/test_cli.py

# every layer of networks against PyTorch, which is in an environment of its own
oracles: .venv/oracles/installed
	.venv/oracles/bin/python -m pytest tests/oracles/*.py

# every output of symnn against its digest; a change of outputs is written with  --write
golden: .venv/installed-test
	$(BIN)/python tests/golden.py

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python tests/budget.py

generated: .venv/installed
	mkdir -p generated
	for name in $(EXAMPLES) attention; do \
		$(BIN)/python -m symnn generate $$name -o generated/$$name.py --force && \
		$(BIN)/python -m symnn derive $$name -o generated/$$name.tex --force || exit 1; \
	done
	for suffix in tex md; do \
		$(BIN)/python -m symnn derive xor --language zh -o generated/xor.zh.$$suffix --force || exit 1; \
	done
	$(BIN)/python -m symnn derive xor -o generated/xor.md --force
	$(BIN)/python -m symnn draw xor -o generated/xor.svg --force
	for target in numpy-fast jax; do \
		$(BIN)/python -m symnn generate xor --target $$target -o generated/xor_$${target#numpy-}.py --force || exit 1; \
	done
	if command -v pdflatex >/dev/null && command -v pdftoppm >/dev/null; then $(BIN)/python tests/picture.py; fi

clean:
	rm -rf .venv demo build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "symnn needs Python 3.11 or newer; try make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/oldest/installed: pyproject.toml
	$(PYTHON) -m venv .venv/oldest
	.venv/oldest/bin/python -m pip install --quiet --editable '.[yaml]' pytest pytest-xdist hypothesis ruff \
		$$($(PYTHON) -c "import tomllib; print(*(d.replace('>=', '==') for d in tomllib.load( \
		open('pyproject.toml', 'rb'))['project']['dependencies']))")
	touch $@

.venv/oracles/installed: pyproject.toml
	$(PYTHON) -m venv .venv/oracles
	.venv/oracles/bin/python -m pip install --quiet --editable . pytest hypothesis torch
	touch $@

.venv/installed-test: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/installed

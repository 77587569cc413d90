# Needs make and Python >= 3.11, nothing else:  make demo | test | quick | golden | lint | generated | clean

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
EXAMPLES := $(basename $(notdir $(wildcard symnn/examples/*.toml)))

.PHONY: demo test quick golden lint generated clean

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
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal --networks 4 --fuzz 300 \
		tests/engine tests/spec tests/io tests/data tests/notation tests/test_project.py

# every output of symnn against its digest; a change of outputs is written with  --write
golden: .venv/installed-test
	$(BIN)/python tests/golden.py

lint: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

generated: .venv/installed
	mkdir -p generated
	for name in $(EXAMPLES); do \
		$(BIN)/python -m symnn generate $$name -o generated/$$name.py --force && \
		$(BIN)/python -m symnn derive $$name -o generated/$$name.tex --force || exit 1; \
	done
	$(BIN)/python -m symnn derive xor --language zh -o generated/xor.zh.tex --force
	$(BIN)/python -m symnn draw xor -o generated/xor.svg --force
	for target in numpy-fast jax; do \
		$(BIN)/python -m symnn generate xor --target $$target -o generated/xor_$${target#numpy-}.py --force || exit 1; \
	done

clean:
	rm -rf .venv demo build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache

.venv/bin/python:
	@test -n "$(PYTHON)" || { echo "symnn needs Python 3.11 or newer; try make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv/installed-test: .venv/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	touch $@ .venv/installed

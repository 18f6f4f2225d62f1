# Two commands on a fresh machine: `make run` and `make test`. Both set up .venv first.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test setup lint viz ui smollm2

run: setup
	$(BIN)/kedro run $(ARGS)

test: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile $(ARGS)

setup: .venv/installed

.venv/installed: pyproject.toml constraints.txt
	test -d .venv || $(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -c constraints.txt -e ".[dev]"
	touch $@

lint: setup
	$(BIN)/ruff check --fix . && $(BIN)/ruff format . && $(BIN)/lint-imports

viz: setup
	$(BIN)/kedro viz run

ui: setup
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db

smollm2: setup
	$(BIN)/python -m blur_pipeline.corpus.smollm2

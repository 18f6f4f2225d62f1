# Two commands on a fresh machine: `make run` and `make test`. Both set up .venv first.
PYTHON ?= python3.11
BIN := .venv/bin

.PHONY: run test setup lint viz ui smollm2 docs site notebook picture

run: setup
	$(BIN)/kedro run $(ARGS)

test: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports && $(BIN)/pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder $(ARGS)

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
	@echo "Runs rather than traces: http://127.0.0.1:5000/#/experiments?workflowType=machine_learning"
	$(BIN)/mlflow ui --backend-store-uri sqlite:///mlflow.db

smollm2: setup
	$(BIN)/python -m blur_pipeline.corpus.smollm2

docs: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve

site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

notebook: setup
	$(BIN)/pip install --quiet -c constraints.txt -e ".[notebook]"
	$(BIN)/jupyter lab notebooks/compare_runs.ipynb

# README's picture: the head of the newest report in data/, in 64 colours.
PICTURE := docs/images/report.png
picture: setup
	chromium --headless=new --no-sandbox --disable-gpu --hide-scrollbars --window-size=1120,900 \
	  --virtual-time-budget=8000 --screenshot=$(PICTURE) \
	  "file://$$(ls -t $(CURDIR)/data/08_reporting/*/*/report-*/report.html/*/report.html | head -1)"
	$(BIN)/python -c "from PIL import Image; Image.open('$(PICTURE)').convert('RGB').quantize(64).save('$(PICTURE)', optimize=True)"

# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.PHONY: demo test slow bench docs clean

demo: $(READY)  ## the main job on the embedded default; ends with where the card is
	$(BIN)/offswitch harden --out runs/demo

test: $(READY)  ## the fast tests, types and style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest

slow: $(READY)  ## tests that take minutes: kills, a real build of the organism, Inspect's viewer
	$(BIN)/pytest -m slow

bench: $(READY)  ## speed, as ratios in one run
	$(BIN)/python -m bench

docs: $(READY)  ## regenerate the pages that are written from files and code
	$(BIN)/python -m offswitch.scenarios.docs > docs/scenarios.md
	$(BIN)/python -m offswitch.measure.labelled.datasheet > docs/labelled.md
	$(BIN)/python -m offswitch.measure.powered_figure > docs/powered.svg

docs/card.png: runs/demo/card.html  ## the picture in the README; needs chromium
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1080,945 --screenshot=$@ $(abspath $<)

clean:
	rm -rf $(VENV) runs

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("offswitch needs Python 3.11 or newer: make PYTHON=python3.12") if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[train,agents,dev]'
	touch $(READY)

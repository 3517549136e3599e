# Two commands do all the set-up: `make train` and `make test`. Both create .venv if it is missing.
PYTHON ?= python3
BIN := .venv/bin
# No telemetry in anything that make runs.
export MLFLOW_DISABLE_TELEMETRY := true
export HF_HUB_DISABLE_TELEMETRY := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: train train-large test format clean FORCE

train: .venv/train.stamp
	$(BIN)/newsstand train configs/topic.yaml
	$(BIN)/newsstand train configs/stance.yaml
	@echo
	$(BIN)/newsstand score --model models:/topic@champion --format table --explain docs/sample-article.txt
	$(BIN)/newsstand score --model models:/stance@champion --target "the dockworkers' strike" \
		--target "ending the strike" --target "the second terminal" \
		--format table docs/sample-article.txt
	@echo
	@echo "See and compare the runs:  $(BIN)/mlflow ui     then open an address printed above as runs"
	@echo "Score your articles:       $(BIN)/newsstand score --model models:/topic@champion FILE"
	@echo "Train on your own table:   $(BIN)/newsstand init topic FILE.csv"

# Larger encoders and better models: most of an hour on two cores.
train-large: .venv/large.stamp
	$(BIN)/newsstand train configs/topic-large.yaml
	$(BIN)/newsstand train configs/stance-large.yaml

test: .venv/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	rm -rf build/wheel build/lib
	$(BIN)/pip install --quiet --no-deps --target build/wheel .
	MYPYPATH=build/wheel $(BIN)/mypy -p newsstand
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

format: .venv/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "newsstand needs Python 3.11 or newer; set PYTHON=python3.11"; exit 2; }
	$(PYTHON) -m venv .venv

# The installation consists of links under build/, which type checkers can follow. Edits take effect
# at once; a file that is added, moved or deleted needs another installation, so the stamps depend
# on the list of files, which is written only when it changes.
install = $(BIN)/pip install --quiet --no-compile --constraint constraints.txt \
	--config-settings editable_mode=strict --editable

build/sources.txt: FORCE
	@mkdir -p build
	@find newsstand data train serve -type f \
		\( -name '*.py' -o -name py.typed -o -name '*.jinja' -o -path 'data/corpus/*' \) | LC_ALL=C sort > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

# Byte code is compiled on all cores, where pip uses one; without it, scoring one article takes twice
# as long if PYTHONDONTWRITEBYTECODE is set. Some packages contain .py files that are not Python.
compile = @$(BIN)/python -m compileall -q -j 0 -x '/tests?/' \
	.venv/lib build/__editable__* newsstand >/dev/null || true

.venv/train.stamp: .venv/bin/python pyproject.toml constraints.txt build/sources.txt
	$(install) '.[train,offline]'
	$(compile)
	@touch $@

.venv/large.stamp: .venv/bin/python pyproject.toml constraints.txt build/sources.txt
	$(install) '.[train,offline,offline-large]'
	$(compile)
	@touch $@ .venv/train.stamp

.venv/dev.stamp: .venv/bin/python pyproject.toml constraints.txt build/sources.txt
	$(install) '.[train,offline,prevalence,dev]'
	$(compile)
	@touch $@ .venv/train.stamp

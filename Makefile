# make report   fit sleepstudy with two engines and write report.html
# make test     the fast tests     make slow   the statistical ones (minutes)
# make lint     ruff and mypy      make clean  remove the environment and every generated file
#
# Each first makes .venv, once: a Python >= 3.12 (scripts/find_python.sh; PYTHON=... names one) with the
# versions of constraints.txt. A checkout that was moved or copied gets its own.

PY := .venv/bin/python
STAMP := .venv/.stamp
PIP := $(PY) -m pip --disable-pip-version-check
FORMULA := Reaction ~ Days + (Days | Subject)

# Two workers; one BLAS thread in each, for small matrices suffer from more.
PYTEST := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(PY) -m pytest -n 2 --dist worksteal

# The stamp holds the folder that the environment was made in: an editable install points into it.
ifneq "$(shell [ -x $(PY) ] && cat $(STAMP) 2>/dev/null)" "$(CURDIR)"
$(shell rm -f $(STAMP))
endif

.PHONY: report test slow lint clean
.DEFAULT_GOAL := test

report: $(STAMP)
	.venv/bin/bayeslmm report bayeslmm/data/sleepstudy.csv "$(FORMULA)" --engine nuts --engine eb --seed 1 -o report.html

test: $(STAMP)
	$(PYTEST)

slow: $(STAMP)
	$(PYTEST) -m slow

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

$(STAMP): pyproject.toml constraints.txt Makefile
	@rm -f $@
	@python=$$(sh scripts/find_python.sh) || exit 1; \
	echo "[1/3] .venv from $$python ($$("$$python" -c 'import platform; print(platform.python_version())'))"; \
	"$$python" -m venv --clear .venv
	@echo "[2/3] $$(grep -c == constraints.txt) pinned packages: a minute or two, most of it downloads"
	@$(PIP) install -c constraints.txt setuptools
	@( while sleep 10 >/dev/null 2>&1; do \
	    echo "      ... $$(ls -d .venv/lib/python*/site-packages/*.dist-info | wc -l) in place"; \
	done ) & ticker=$$!; trap 'kill $$ticker' EXIT INT TERM; \
	$(PIP) install -c constraints.txt --no-build-isolation -e '.[dev]'
	@echo "[3/3] check"
	@$(PIP) check
	@echo "$(CURDIR)" > $@

clean:
	rm -rf .venv build dist *.egg-info report.html .pytest_cache .ruff_cache .mypy_cache .hypothesis
	find bayeslmm tests examples benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

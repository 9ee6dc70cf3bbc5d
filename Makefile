# Everything a developer types. `make check` and `make test` are what CI runs.
# The first target sets up .venv; it is done again only when the pins or pyproject.toml change.

PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed
SICK := sample_projects/zoo/missing-zero-grad/sick.py

# One thread for each process: more only get in each other's way with networks this small.
export OMP_NUM_THREADS := 1

.PHONY: setup demo check fast test accuracy inject curves prescription docs readme pictures lock clean

setup: $(STAMP)

$(STAMP): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile \
	    -c requirements.lock -e '.[dev,frameworks]'
	$(BIN)/python -m compileall -qq -j 0 .venv/lib || true  # on all cores; templates of packages are no Python
	touch $@

# A sick script and what is said of it. Exit code 1 means "findings", which is what is wanted here.
demo: $(STAMP)
	$(BIN)/nndoctor check $(SICK) || test $$? -eq 1

# Lint, format, types, contracts between the packages.
check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The loop while working: what takes milliseconds.
fast: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/pytest -q -m "not slow"

test: $(STAMP)
	$(BIN)/pytest -n 2 --dist worksteal -m "not extra"

# The page of all checks, and the site in build/site; warnings are errors.
docs: $(STAMP)
	$(BIN)/nndoctor checks --format markdown > docs/checks.md
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

# The captures and the table of checks in README.md, as the commands really print them.
readme: $(STAMP)
	$(BIN)/python benchmarks/readme.py

# The pictures of README.md: the report on a terminal, and report.html in Chromium.
pictures: $(STAMP)
	$(BIN)/python benchmarks/pictures.py

# The zoo, the healthy samples: how often is the first entry of the diagnosis the fault?
accuracy: $(STAMP)
	$(BIN)/python benchmarks/accuracy.py

# Faults injected into the healthy programs: which are named, and which come first? Hours; see --help for parts of it.
inject: $(STAMP)
	$(BIN)/python benchmarks/inject.py --markdown docs/injected-faults.md

# Synthetic and real training curves: how often are they given their class?
curves: $(STAMP)
	$(BIN)/python benchmarks/curves.py
# Patches of the zoo's sick scripts, applied to copies and checked again: how many are healthy then?
prescription: $(STAMP)
	$(BIN)/python benchmarks/prescription.py

# Write the pins anew, from what is installed. "+cpu" and the like name an index, not a version.
lock:
	$(BIN)/python -m pip freeze --exclude-editable --disable-pip-version-check \
	    | grep -v -e '^nndoctor' -e ' @ ' | sed -e 's/+cpu$$//' -e 's/+cu[0-9]*$$//' > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:
	rm -rf build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

# Everything a fresh machine needs: git, make, Python 3.11 or newer. `make demo` and `make test` install the rest.

PYTHON ?= python3
VENV := .venv
SCANNER := .sslyze
BIN := $(VENV)/bin
DEMO ?= voltward-demo
BENCH ?=
FUZZ_SECONDS ?= 60
# Two workers: the tests wait for sockets more than they compute. One file stays in one worker; in their own order, since
# xdist would leave the files with few and long tests to the end, when one worker has nothing left to do.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Without compiled files every worker, and every program that a test starts, would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install scanner demo test check soak bench fuzz format lock clean

install: $(VENV)/installed

$(VENV)/installed: requirements.lock pyproject.toml .ci/venv
	PYTHON="$(PYTHON)" sh .ci/venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

scanner: $(SCANNER)/installed

$(SCANNER)/installed: .ci/setuptools.lock .ci/sslyze.lock .ci/scanner .ci/venv
	PYTHON="$(PYTHON)" sh .ci/scanner $(SCANNER)

demo: install
	$(BIN)/voltward demo --data $(DEMO)

test: install scanner
	sh .ci/packages openssl chromium curl softhsm2 postgresql
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST)

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(PYTEST) --hypothesis-profile check -m "not end_to_end and not slow and not soak"

# What takes minutes: every step of every crash round, hostile peers for a while, and new examples for every property.
soak: install
	$(PYTEST) -m soak
	$(PYTEST) -m "hypothesis and not soak" --hypothesis-profile soak

# The figures of docs/performance.md, each beside the limit of the same run. BENCH="issuing ocsp" measures some of them.
bench: install
	$(BIN)/python -m benchmarks $(BENCH)

# Feeds damaged input to everything that reads octets from outside; what it finds lies in fuzz-findings/.
fuzz: install
	nice $(BIN)/python -W ignore -m tests.fuzz --seconds $(FUZZ_SECONDS)

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Needs uv (https://docs.astral.sh/uv); resolves for every platform and Python that pyproject.toml allows.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --upgrade --quiet --output-file requirements.lock
	for name in setuptools sslyze; do \
	  uv pip compile .ci/$$name.in --universal --python-version 3.11 --generate-hashes \
	    --no-header --no-annotate --upgrade --quiet --output-file .ci/$$name.lock; \
	done

clean:
	rm -rf $(VENV) $(SCANNER) .mypy_cache .ruff_cache .pytest_cache

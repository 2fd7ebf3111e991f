# Every target installs the Debian packages that it misses (packages.txt).
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help up static test check soak fuzz bench bench-scan rust

# rustup's place, for shells that were open before it was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

# Arguments handed on to the command that a target runs.
ARGS ?=
# `make test WITHOUT=browser` leaves the browser test out, with a line that says so.
WITHOUT ?=

## up      build (release) and start the whole system here: make up ARGS='--ports sep'
up: rust
	@scripts/install-packages build
	@cargo build --release --locked -p garrison -p garrison-agent
	@exec target/release/garrison up $(ARGS)

## static  build garrison-flows as one file for any Linux host: target/static/garrison-flows
static: rust
	@scripts/install-packages build
	@host=$$(rustc -vV | sed -n 's/^host: //p'); \
	    RUSTFLAGS='-C target-feature=+crt-static' cargo build --profile static --locked --target "$$host" \
	        --target-dir target/static -p garrison-flows && \
	    cp "target/static/$$host/static/garrison-flows" target/static/garrison-flows && \
	    ls -lh target/static/garrison-flows

## test    run every test; the last line counts them
test: rust
	@scripts/install-packages build test $(filter-out $(WITHOUT),browser)
	@scripts/python-tools
	@GARRISON_TEST_PYTHON='$(CURDIR)/target/test-python/bin/python' \
	    GARRISON_TEST_WITHOUT='$(WITHOUT)' cargo xtask test $(ARGS)

## check   format, clippy, and the rules on floors, dependencies, licences and files
check: rust
	@scripts/install-packages build check
	@cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 || { \
	    echo "rustfmt or clippy is missing: rustup component add rustfmt clippy" >&2; exit 1; }
	@cargo xtask check $(ARGS)

## soak    run the long proofs in full; stop and start it at will, results in docs/soak.md
soak: rust
	@scripts/install-packages build test fuzz
	@cargo xtask soak $(ARGS)

## fuzz    let libFuzzer look for crashes, totals in docs/fuzz.md: make fuzz ARGS='pe --seconds 60'
fuzz: rust
	@scripts/install-packages build fuzz
	@cargo xtask fuzz $(ARGS)

## bench   measure speed and size, results in docs/benchmarks.md: make bench ARGS='load scan'
bench: rust
	@scripts/install-packages build bench
	@cargo xtask bench $(ARGS)

## bench-scan  the same beside ClamAV and YARA: make bench-scan ARGS='load yara'
bench-scan: rust
	@scripts/install-packages build bench bench-scan
	@cargo xtask bench-scan $(ARGS)

## help    this list
help:
	@sed -n 's/^## /  make /p' Makefile

rust:
	@command -v cargo >/dev/null || { \
	    echo "Rust is missing. Get it from https://rustup.rs (a compiler of 1.95 or later):" >&2; \
	    echo "    curl --proto '=https' --tlsv1.2 -sSf https://sh.rustup.rs | sh" >&2; \
	    exit 1; }

# Brevet: what can be done here. `make demo` and `make test` do all set-up themselves on Debian 12 with a Rust toolchain, as root.
SHELL := /bin/sh
CARGO ?= cargo
TARGET := $(shell $(CARGO) metadata --no-deps --format-version 1 2>/dev/null | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
# Beside what is built, where other users can reach that: the service users and yours must. Debian's /root is closed.
DIR ?= $(shell d="$(TARGET)"; while [ ! -d "$$d" ]; do d=$$(dirname "$$d"); done; if runuser -u nobody -- test -x "$$d" 2>/dev/null; then echo "$(TARGET)/up"; else echo /var/tmp/brevet-up; fi)
PROGRAMS = --package brevet-server --package brevet-agent --package brevet-broker --package brevet-cli --package brevet-ctl
# What a development build builds: tests ask their dependencies for more than programs do, and whoever wants both (`.ci/run`) sets this so
# that everything is compiled once.
DEV_BUILD ?= $(PROGRAMS) --package xtask

# The user's command without a dynamic linker and at a fixed place: it asks before its C library has started (ADR 12), and nothing has to be
# fixed in it before that. The target is named so that only the program is static.
TRIPLE := $(shell rustc -vV | sed -n 's/^host: //p')
STATIC_CLIENT = RUSTFLAGS='-C target-feature=+crt-static -C relocation-model=static' $(CARGO) build --quiet --release --package brevet-cli --target $(TRIPLE) && cp --remove-destination "$(TARGET)/$(TRIPLE)/release/brevet" "$(TARGET)/release/brevet" && { BREVET_SOCKET=/nonexistent "$(TARGET)/release/brevet" run true 2>/dev/null; test $$? = 125 || { echo "the command does not work as it was built" >&2; false; }; }

.PHONY: screenshots demo demo-once up down test test-long fuzz check bench packages build

packages:
	@sh packaging/debian-packages.sh

build: packages
	@$(CARGO) build $(DEV_BUILD)

demo: build
	@"$(TARGET)/debug/xtask" demo --programs "$(TARGET)/debug"

demo-once: build
	@"$(TARGET)/debug/xtask" demo --once --programs "$(TARGET)/debug"

up: packages
	@$(CARGO) build --quiet --release $(PROGRAMS) --package xtask 1>&2
	@$(STATIC_CLIENT) 1>&2
	@"$(TARGET)/release/xtask" up --programs "$(TARGET)/release" --directory "$(DIR)"

down:
	@"$(TARGET)/release/xtask" down --directory "$(DIR)"

# Pictures of every page of the console in both themes, in target/screenshots; those that docs/guide/administrator.md shows, in docs/guide/images.
screenshots: build
	@sh packaging/debian-packages.sh test
	@"$(TARGET)/debug/xtask" screenshots --programs "$(TARGET)/debug"

test: build
	@sh packaging/test.sh

# The full figures of properties and model: about an hour on two cores. Writes docs/test-long.md.
test-long: packages
	@$(CARGO) build --quiet --package xtask
	@CARGO="$(CARGO)" "$(TARGET)/debug/xtask" test-long --cases $${CASES:-1000000}
	BREVET_LONG=1 BREVET_SCHEMATHESIS="$$(sh packaging/schemathesis.sh)" $(CARGO) test --workspace --test server schemathesis_finds_nothing -- --ignored

fuzz:
	BREVET_FUZZ_SECONDS=$${SECONDS_EACH:-600} BREVET_FUZZ_SEED=$$(date +%s) $(CARGO) test --release --package brevet-fuzz -- --nocapture

check: build
	$(CARGO) fmt --all --check
	$(CARGO) clippy --quiet --workspace --all-targets -- -D warnings
	"$(TARGET)/debug/xtask" check
	@if command -v cargo-deny >/dev/null; then $(CARGO) deny --log-level error check bans licenses sources; else echo "not run: cargo deny (install it with: cargo install --locked cargo-deny)"; fi

bench: packages
	@sh packaging/debian-packages.sh bench
	@$(CARGO) build --quiet --release $(PROGRAMS) --package xtask
	@$(STATIC_CLIENT)
	@$(CARGO) build --quiet --release --manifest-path bench/Cargo.toml --target-dir "$(TARGET)/bench"
	@"$(TARGET)/release/xtask" bench --programs "$(TARGET)/release" --natives "$(TARGET)/bench/release"

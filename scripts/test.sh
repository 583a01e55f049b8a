#!/usr/bin/env bash
# The whole test, on a machine that has only git and Rust: format, lints, tests, generated files,
# every route fuzzed from its schema (which installs what it needs, from PyPI).
# With `TENURE_SLOW=1` the tests that read it take more seeds and rounds. What takes minutes to install
# is in `scripts/gates.sh`.
set -euo pipefail
cd "$(dirname "$0")/.."

# In a build that is thrown away, incremental files cost more than they save.
[ -z "${CI:-}" ] || export CARGO_INCREMENTAL=0

say() { printf '\n== %s\n' "$*"; }

# SQLite and the TLS library are compiled from C.
install_missing() {
  command -v cc >/dev/null && return
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    say "installing a C compiler"
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends gcc libc6-dev
  else
    echo "no C compiler (cc): install gcc or clang, then run this again" >&2
    exit 1
  fi
}

# The toolchain file or a minimal installation may lack these two.
install_components() {
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
  say "installing rustfmt and clippy"
  rustup component add rustfmt clippy
}

install_missing
install_components

say "format"
cargo fmt --all --check

say "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

say "generated files"
cargo xtask generate --check

if cargo deny --version >/dev/null 2>&1; then
  say "licences, bans, sources"
  # advisories need the network: scripts/gates.sh
  cargo deny check licenses bans sources
fi

say "planted bugs: every one must be caught"
cargo test -p tenure-sim --features planted --locked --test planted_inside

say "tests${TENURE_SLOW:+, slow tier included}"
cargo test --workspace --locked

say "every route fuzzed from its schema"
scripts/fuzz-http.sh

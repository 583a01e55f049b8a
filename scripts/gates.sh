#!/usr/bin/env bash
# The gates whose tools take minutes to install: licences and advisories, spelling.
# Not part of `scripts/test.sh`; run before a release and once a day.
set -euo pipefail
cd "$(dirname "$0")/.."

have() { command -v "$1" >/dev/null 2>&1; }

have cargo-deny || cargo install --locked cargo-deny
have typos || cargo install --locked typos-cli

cargo deny check
typos

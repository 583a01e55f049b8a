#!/usr/bin/env bash
# Asks every route of a real server what its OpenAPI document allows, forbids and leaves open
# (Schemathesis), and fails on any 5xx, undocumented answer, accepted nonsense or refused sense.
# Needs Python 3 and, the first time, a package index.
#
#   scripts/fuzz-http.sh            the run of scripts/test.sh: one seed, about a minute
#   scripts/fuzz-http.sh --long     many more examples, another seed every time
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/schemathesis
version=4.32.5
tenure=$target/debug/tenure
work=$(mktemp -d)
server=

case "${1:-}" in
"") amount=(--seed 1 --max-examples 6) ;;
--long) amount=(--max-examples 200) ;;
*)
    echo "\`$1\` is not known; expected \`--long\` or nothing" >&2
    exit 2
    ;;
esac

finish() {
    status=$?
    if [ -n "$server" ]; then kill "$server" 2>/dev/null || true; wait "$server" 2>/dev/null || true; fi
    if [ "$status" -ne 0 ] && [ -s "$work/server.log" ]; then tail -n 40 "$work/server.log" >&2; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

# Debian keeps `venv` in a package of its own.
if ! python3 -c 'import ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3-venv
    else
        echo "no Python 3 with venv: install it, then run this again" >&2
        exit 1
    fi
fi
if [ "$("$venv/bin/schemathesis" --version 2>/dev/null || true)" != "schemathesis, version $version" ]; then
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet "schemathesis==$version"
fi

cargo build --quiet --locked --manifest-path "$root/Cargo.toml" -p tenure
"$tenure" serve --data "$work/data" --listen 127.0.0.1:0 --json >"$work/up.json" 2>"$work/server.log" &
server=$!
for _ in $(seq 600); do
    [ -s "$work/up.json" ] && break
    kill -0 "$server" 2>/dev/null || exit 1
    sleep 0.1
done
"$tenure" key create user:fuzz --data "$work/data" --json >"$work/key.json"

of() { python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))[sys.argv[2]])' "$@"; }
url=$(of "$work/up.json" listening)
key=$(of "$work/key.json" key)
TENURE_FUZZ_TENANT=$(of "$work/key.json" tenantId)
export TENURE_FUZZ_TENANT

# it writes beside where it runs, and finds its settings and hooks there
cp "$root"/scripts/fuzz-http/* "$work"
cd "$work"
PYTHONPATH=$work "$venv/bin/schemathesis" run "$root/docs/openapi/v1.json" --url "$url" \
    --header "Authorization: Bearer $key" --phases examples,coverage,fuzzing,stateful \
    --continue-on-failure --warnings off --generation-database none "${amount[@]}"

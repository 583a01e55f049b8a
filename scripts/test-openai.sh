#!/usr/bin/env bash
# Asks a real third party's server of Chat Completions, LiteLLM's proxy with mock answers, through
# the `openai` adapter. Needs Python 3 and, the first time, a package index; no key, no model.
#
#   scripts/test-openai.sh
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
venv=$target/litellm
work=$(mktemp -d)
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
# the proxy wants a key of its own: one made up for this run, known to nobody else
key=sk-$(python3 -c 'import secrets; print(secrets.token_hex(32))')
proxy=

finish() {
    status=$?
    if [ -n "$proxy" ]; then kill "$proxy" 2>/dev/null || true; wait "$proxy" 2>/dev/null || true; fi
    if [ "$status" -ne 0 ] && [ -s "$work/proxy.log" ]; then tail -n 40 "$work/proxy.log" >&2; fi
    rm -rf "$work"
    exit "$status"
}
trap finish EXIT

if [ ! -x "$venv/bin/litellm" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'litellm[proxy]'
fi

cat >"$work/config.yaml" <<'YAML'
model_list:
  - model_name: says-hello
    litellm_params:
      model: openai/mock
      api_key: none
      mock_response: "Order A-7 was delivered, grüße."
  - model_name: too-many
    litellm_params:
      model: openai/mock
      api_key: none
      mock_response: "litellm.RateLimitError"
litellm_settings:
  num_retries: 0
  telemetry: false
router_settings:
  num_retries: 0
YAML

cargo build --quiet --manifest-path "$root/Cargo.toml" -p tenure-agent --example openai_once

LITELLM_MASTER_KEY=$key "$venv/bin/litellm" --config "$work/config.yaml" --host 127.0.0.1 --port "$port" \
    >"$work/proxy.log" 2>&1 &
proxy=$!
ready=http://127.0.0.1:$port/health/liveliness
for _ in $(seq 120); do
    if python3 -c "import urllib.request as u; u.urlopen('$ready', timeout=1)" 2>/dev/null; then break; fi
    if ! kill -0 "$proxy" 2>/dev/null; then echo "the proxy ended before it was ready" >&2; exit 1; fi
    sleep 1
done

once() {
    (cd "$root" && OPENAI_API_KEY=$key cargo run --quiet -p tenure-agent --example openai_once -- \
        "http://127.0.0.1:$port/v1" "$1")
}

echo "== an answer"
once says-hello | tee "$work/answer"
grep -q 'Text(' "$work/answer"
tail -n 1 "$work/answer" | grep -qx 'Done'

for bad in too-many no-such-model; do
    echo "== a refusal: $bad"
    if once "$bad" >"$work/refusal"; then
        echo "expected a failure from $bad" >&2
        exit 1
    fi
    cat "$work/refusal"
    grep -q 'Failed(' "$work/refusal"
done
grep -q 'may_pass: false' "$work/refusal"

echo "== a wrong key"
good=$key
key=sk-wrong-$(python3 -c 'import secrets; print(secrets.token_hex(8))')
if once says-hello >"$work/refusal"; then
    echo "expected a failure with a wrong key" >&2
    exit 1
fi
grep -q 'may_pass: false' "$work/refusal"
if grep -qF -e "$key" -e "$good" "$work/refusal"; then
    echo "a failure repeats the key" >&2
    exit 1
fi
echo "ok"

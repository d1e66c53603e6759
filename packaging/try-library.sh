#!/usr/bin/env bash
# Runs packaging/report.c, a C program with libnbiot-device.a, against its own simulators: over both layers, twice each,
# the second time with the stored token. The exit status is 1 if anything fails.
set -euo pipefail
cd "$(dirname "$0")/.."
nbiot=.build/debug/nbiot report=.build-agent/x86_64-library/report
for file in "$nbiot" "$report"; do
  [ -x "$file" ] || { echo "try-library.sh: $file is missing: make build library" >&2; exit 1; }
done
directory=$(mktemp -d)
simulator=
trap 'kill $simulator 2>/dev/null || true; rm -rf "$directory"' EXIT
(umask 077; echo 0123456789abcdef0123456789abcdef > "$directory/secret")

for layer in symmetric dtls; do
  options=() certificate=()
  if [ $layer = dtls ]; then
    options=(--security dtls --certificates "$directory/certificates")
    certificate=("$directory/certificates/ca.pem")
  fi
  : > "$directory/log"
  "$nbiot" simulate --port 0 --device "a1B2c3D4e5F,device1,$directory/secret" "${options[@]}" \
    > "$directory/log" 2> "$directory/errors" &
  simulator=$!
  for _ in $(seq 200); do
    port=$(sed -n 's/^listening.* port \([0-9]*\),.*/\1/p' "$directory/log")
    [ -z "$port" ] || break
    sleep 0.05
  done
  for run in first second; do
    printf '%s\n' '{"value":1}' '{"value":2}' |
      timeout 60 "$report" a1B2c3D4e5F device1 "$directory/secret" "$directory/state-$layer" \
        127.0.0.1 "$port" "${certificate[@]}" > "$directory/output"
    [ "$(grep -c '^delivered .* 205 ' "$directory/output")" = 2 ] ||
      { echo "$layer, $run run: not delivered" >&2; cat "$directory/output" >&2; exit 1; }
    echo "C, $layer, $run run: $(tail -1 "$directory/output")"
  done
  grep -q '^2 delivered, 0 authentications' "$directory/output" ||
    { echo "$layer: the token was not kept" >&2; exit 1; }
  kill $simulator
  wait $simulator 2>/dev/null || true
done

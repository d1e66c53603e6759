#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What lines that wait together cost: 1,000 and 20,000 of them into an agent whose syncs take 3 ms, delivered to
# the simulator. Prints lines a second and the number of syncs.
#   backlog.sh AGENT NBIOT
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
agent=$(realpath "$1") nbiot=$(realpath "$2")
directory=$(mktemp -d)
simulator=
finish() {
  [ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
cd "$directory"
clang -shared -fPIC -O1 -o slow_sync.so "$here/slow_sync.c"
echo 0123456789abcdef0123456789abcdef > secret
chmod 600 secret
"$nbiot" simulate --port 0 --log json --device "a1B2c3D4e5F,device1,$directory/secret" > log 2> errors &
simulator=$!
for _ in {1..100}; do
  ! grep -q '"listening"' log || break
  sleep 0.1
done
port=$(sed -n 's/.*"listening".*"port":\([0-9]*\).*/\1/p' log)
[ -n "$port" ] || { echo "the simulator does not listen" >&2; cat errors >&2; exit 1; }

echo "lines that wait together, a sync takes 3 ms"
for lines in 1000 20000; do
  rm -rf state syncs
  cat > configuration <<END
product-key = a1B2c3D4e5F
device-name = device1
device-secret-file = secret
state-directory = state
endpoint = 127.0.0.1:$port
topic = /a1B2c3D4e5F/device1/user/update
END
  for ((line = 1; line <= lines; line++)); do echo "{\"value\":$line}"; done > input
  start=$(date +%s%N)
  LD_PRELOAD=./slow_sync.so SYNC_MILLISECONDS=3 SYNC_COUNT=syncs \
    "$agent" --config configuration --once < input > output 2> warnings ||
    { echo "the agent ended with $?" >&2; tail -n 3 warnings >&2; exit 1; }
  end=$(date +%s%N)
  accepted=$(grep -c '^accepted ' output) delivered=$(grep -c '^delivered ' output)
  [ "$accepted" = "$lines" ] && [ "$delivered" = "$lines" ] ||
    { echo "of $lines lines $accepted were accepted and $delivered delivered" >&2; exit 1; }
  printf '%6d lines: %6d a second, %5d syncs\n' "$lines" $((lines * 1000000000 / (end - start))) \
    "$(wc -c < syncs)"
done

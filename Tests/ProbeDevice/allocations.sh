#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts the heap allocations of one report after the first: allocations.sh PROBE [MODE [ARGUMENT]]
# runs a probe for 1 and for 101 reports under valgrind, against a simulator of its own, and compares.
# MODE is symmetric, certificate or psk; ARGUMENT is handed to the probe. Exits 1 unless it is 0, or
# when valgrind finds an access that is not allowed or memory that is lost.
set -euo pipefail
probe=$1 mode=${2:-symmetric} argument=${3:-}
nbiot=$(dirname "$0")/../../.build/debug/nbiot
directory=$(mktemp -d)
secret=0123456789abcdef0123456789abcdef
(umask 077; echo "$secret" > "$directory/secret.txt")
options=()
[ "$mode" = symmetric ] || options=(--security dtls --certificates "$directory/certificates")
: > "$directory/log"
"$nbiot" simulate --port 0 --device "a1B2c3D4e5F,device1,$directory/secret.txt" "${options[@]}" \
  > "$directory/log" 2> "$directory/errors" &
simulator=$!
trap 'kill $simulator 2>/dev/null; rm -rf "$directory"' EXIT
for _ in $(seq 100); do
  port=$(sed -n 's/^listening.* port \([0-9]*\),.*/\1/p' "$directory/log")
  [ -n "$port" ] && break
  sleep 0.1
done
input() {
  printf '%s %s %s\n' "$secret" "$port" "$1"
  [ "$mode" != certificate ] || cat "$directory/certificates/ca.pem"
}
count() {
  input "$1" |
    timeout 120 valgrind --leak-check=full --errors-for-leak-kinds=definite --error-exitcode=99 \
      --log-file="$directory/valgrind" "$probe" ${argument:+"$argument"} ||
    { echo "$probe failed; its log:" >&2; cat "$directory/valgrind" >&2; exit 1; }
  sed -n 's/.*total heap usage: \([0-9,]*\) allocs.*/\1/p' "$directory/valgrind" | tr -d ,
}
first=$(count 1)
more=$(count 101)
[ -n "$first" ] && [ -n "$more" ] || { echo "valgrind printed no count" >&2; exit 1; }
echo "$probe, $mode: $first allocations with 1 report, $more with 101: $((more - first)) for 100 reports"
[ "$more" = "$first" ]

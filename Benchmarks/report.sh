#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the cost of a whole report without the socket: encrypt number and payload, encode, pass
# to the exchange, take the answer, decrypt it, deliver. Arguments: pairs of a name and a probe
# (Tests/ProbeDevice). Prints instructions (callgrind) and heap allocations per report after the
# first 100, including OpenSSL's.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
counter=$here/.build/release/libAllocationCounter.so
# An arbitrary secret: the probe contains its own platform.
input() { printf '0123456789abcdef0123456789abcdef 0 %s\n' "$1"; }

instructions() {
  input "$2" | valgrind --tool=callgrind --callgrind-out-file=/dev/null "$1" 2>&1 >/dev/null |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

allocations() {
  input "$2" | LD_PRELOAD="$counter" "$1" 2>&1 >/dev/null | sed -n 's/^allocations \([0-9]*\)$/\1/p'
}

echo "a whole report of {\"value\":1}, its answer of 8 bytes decrypted, without the socket"
printf '%-44s %14s %12s\n' "build" "instructions" "allocations"
while [ $# -gt 0 ]; do
  name=$1 probe=$2
  shift 2
  for kind in instructions allocations; do
    first=$($kind "$probe" 100)
    more=$($kind "$probe" 1100)
    [ -n "$first" ] && [ -n "$more" ] || { echo "no count of $kind: $probe" >&2; exit 1; }
    declare "$kind=$(awk -v first="$first" -v more="$more" 'BEGIN { printf "%g", (more - first) / 1000 }')"
  done
  verdict=met
  # shellcheck disable=SC2154  # declared by their names above
  awk -v i="$instructions" -v a="$allocations" 'BEGIN { exit !(i <= 6000 && a == 0) }' || verdict=missed
  # shellcheck disable=SC2154
  printf '%-44s %14.0f %12s  6,000 and 0: %s\n' "$name" "$instructions" "$allocations" "$verdict"
done

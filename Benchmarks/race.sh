#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Races the contenders built by `swift build -c release --package-path Benchmarks`: checks that all
# agree on bytes and sums, then prints a table of nanoseconds, instructions and heap allocations per
# operation, and the ratios with their bounds. A missed bound is only printed; the exit status is 1
# only if a contender fails or disagrees.
set -euo pipefail
export SWIFT_DETERMINISTIC_HASHING=1
binaries=$(dirname "$0")/.build/release
declare -A program=([swift]=codec-contender [c]=floor-contender [libcoap]=libcoap-contender)
order="swift c libcoap"
directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

for name in $order; do
  "$binaries/${program[$name]}" check | cut -d' ' -f2- > "$directory/check-$name"
done
for name in $order; do
  cmp "$directory/check-swift" "$directory/check-$name" ||
    { echo "$name disagrees with swift" >&2; exit 1; }
done

# The instructions of a program's run; the first argument is the program.
instructions() {
  valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" 2>&1 >/dev/null |
    sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
}

allocations() {
  LD_PRELOAD="$binaries/libAllocationCounter.so" "$@" 2>&1 >/dev/null |
    sed -n 's/^allocations \([0-9]*\)$/\1/p'
}

# The cost per operation: the difference made by 10,000 more operations.
each() {
  local first more
  first=$("$1" "${@:2}" 1000)
  more=$("$1" "${@:2}" 11000)
  [ -n "$first" ] && [ -n "$more" ] || { echo "no count: $*" >&2; exit 1; }
  awk -v first="$first" -v more="$more" 'BEGIN { printf "%.1f", (more - first) / 10000 }'
}

# In turn, five times, taking the best of each: a burst of work of another program then does not hit
# one contender alone.
for _ in 1 2 3 4 5; do
  for name in $order; do "$binaries/${program[$name]}" time >> "$directory/rounds-$name"; done
done
for name in $order; do
  awk '
    { key = $1 " " $2 " " $3 }
    !(key in best) { order[++count] = key; best[key] = $4 }
    $4 < best[key] { best[key] = $4 }
    END { for (i = 1; i <= count; i++) print order[i], best[order[i]] }
  ' "$directory/rounds-$name" > "$directory/time-$name"
done

for name in $order; do
  binary=$binaries/${program[$name]}
  while read -r _ message operation time; do
    executed=$(each instructions "$binary" run "$message" "$operation")
    allocated=$(each allocations "$binary" run "$message" "$operation")
    echo "$name $message $operation $time $executed $allocated"
  done < "$directory/time-$name"
done > "$directory/figures"

awk '
  {
    key = $2 " " $3
    if (!(key in seen)) { seen[key] = ++rows; row[rows] = key }
    ns[$1, key] = $4; instructions[$1, key] = $5; heap[$1, key] = $6
  }
  function cell(name, key) {
    return sprintf("%.1f / %.0f / %g", ns[name, key], instructions[name, key], heap[name, key])
  }
  function verdict(met) { if (!met) missed++; return met ? "met" : "MISSED" }
  END {
    print "ns / instructions / heap allocations per operation"
    format = "%-9s %22s %22s %22s %9s %9s\n"
    printf format, "", "this codec", "C floor", "libcoap", "to floor", "to libcoap"
    for (i = 1; i <= rows; i++) {
      key = row[i]
      floors[key] = instructions["swift", key] / instructions["c", key]
      peers[key] = instructions["swift", key] / instructions["libcoap", key]
      printf format, key, cell("swift", key), cell("c", key), cell("libcoap", key),
        sprintf("%.2f", floors[key]), sprintf("%.2f", peers[key])
    }
    print ""
    print "bounds on instructions and allocations"
    for (i = 1; i <= rows; i++) {
      key = row[i]
      bound = key ~ /^B/ ? 1.3 : 1.5
      printf "%-9s at most %.1f of the floor: %.2f %s", key, bound, floors[key],
        verdict(floors[key] <= bound)
      if (key ~ /^B/) printf "; at most 0.4 of libcoap: %.2f %s", peers[key], verdict(peers[key] <= 0.4)
      printf "; no allocation: %s\n", verdict(heap["swift", key] == 0)
    }
    print missed ? missed " of the bounds are missed" : "all bounds are met"
  }' "$directory/figures"

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds the fuzzers and runs each for so many seconds, two at a time: run.sh SECONDS [TARGET ...]
# A line for each target at the end; exits with 1 when there are findings.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(cd "$here/../.." && pwd)
work="$project/.build-fuzz"
seconds=$1
shift
targets=("$@")
if [ ${#targets[@]} = 0 ]; then
  for folder in "$here"/fuzz-*/; do targets+=("$(basename "$folder")"); done
fi

# lld, which comes with the toolchain: gold fails on what the sanitizers export. Optimised, as the
# device's build is: overflow and bounds are checked all the same.
NBIOT_FUZZ=1 swift build --package-path "$here" --scratch-path "$work/build" -c release \
  --explicit-target-dependency-import-check error -Xswiftc -sanitize=address -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld
mkdir -p "$work/logs" "$work/findings"
python3 "$here/corpus.py" "$project" "$work/corpus"

run() {
  local target=$1 log="$work/logs/$1.log" findings="$work/findings/$1" program
  program="$work/build/release/$target"
  mkdir -p "$findings" "$work/corpus/$target"
  # Leaks are looked for by the tests; here they would need rights that containers do not give. The
  # backtracer of Swift would wait for a terminal.
  export ASAN_OPTIONS=detect_leaks=0 SWIFT_BACKTRACE=enable=no
  local options=(-artifact_prefix="$findings/" -timeout=10 -rss_limit_mb=2048 -detect_leaks=0)
  local status=0 regression=
  # What was once found comes first.
  find "$here/Regressions/$target" -name '*.bin' -print0 |
    xargs -0 -r "$program" "${options[@]}" >"$log" 2>&1 || { status=$?; regression="a regression fails"; }
  if [ "$status" = 0 ]; then
    timeout -k 10 $((seconds + 60)) "$program" "${options[@]}" -max_len=4096 \
      -max_total_time="$seconds" -print_final_stats=1 "$work/corpus/$target" >>"$log" 2>&1 \
      </dev/null || status=$?
  fi
  local executions speed coverage found
  executions=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)
  speed=$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log" | tail -1)
  coverage=$(grep -o 'cov: [0-9]*' "$log" | tail -1 | cut -d' ' -f2 || true)
  found=$(find "$findings" -type f | wc -l)
  # What an earlier run found counts until it is mended, and moved to Regressions under a name.
  if [ "$status" != 0 ] && [ "$found" = 0 ]; then found="${regression:-exit status $status}"; fi
  printf '%-14s %10s executions %7s exec/s  coverage %5s  findings %s\n' \
    "$target" "${executions:-?}" "${speed:-?}" "${coverage:-?}" "$found" >"$work/logs/$target.line"
  if [ "$found" != 0 ]; then
    echo "  reproducers: $findings or $here/Regressions/$target; log: $log" >>"$work/logs/$target.line"
    return 1
  fi
}
export -f run
export here work seconds

status=0
printf '%s\n' "${targets[@]}" | xargs -P 2 -I{} bash -c 'set -euo pipefail; run {}' || status=1
for target in "${targets[@]}"; do cat "$work/logs/$target.line"; done
exit $status

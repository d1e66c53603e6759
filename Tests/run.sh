#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole test suite, as `make test` runs it: run.sh OPTION…, with options for `swift build` and `swift test`.
#
# Tests that run programs block a thread each, and a process has only as many threads as there are cores. So they do
# not run beside those that depend on the time; and as they wait for most of their time, they run in three processes
# at once. What the second and the third one print comes after the first one's.
set -euo pipefail
cd "$(dirname "$0")/.."
commands='^nbiotTests\.'
fronts='^nbiotTests\.(Broker|Listen|MQTT|SimulatedWeb|Web|HTTPS)'
others='^SnippetTests\.|^HTTPSAgentTests\.|^MQTT(Agent|Channel|Link)Tests\.'

# GROUP OPTION…: the tests of a group; at the end of the output those that failed, and why.
run() {
  local group=$1
  shift
  rm -f ".build/$group-swift-testing.xml"
  swift test "$@" --xunit-output ".build/$group.xml" && return
  Tests/failures.sh ".build/$group-swift-testing.xml"
  return 1
}

# Built as by make, whose SWIFT says why, and run with sets in any order.
SWIFT_DETERMINISTIC_HASHING=1 swift build --build-tests "$@"
# Not all 1,800 at once, as by default: each would have what time is left by the others, and together they had over 1,360
# descriptors, which Foundation's Process.run does not bear (docs/toolchain.md).
run tests "$@" --skip-build --skip "$commands|$others" --experimental-maximum-parallelization-width 64
again=("$@" --skip-build --ignore-lock)
waiting=()
# GROUP OPTION…: runs it beside the next ones, which start when its tests have: two of SwiftPM that plan at the same time
# may find the build's database locked.
beside() {
  local log=.build/$1.log
  : > "$log"
  run "$@" >> "$log" 2>&1 &
  waiting+=($!)
  until grep -q 'Test run started' "$log" || ! kill -0 $! 2>/dev/null; do sleep 0.2; done
}
trap 'kill "${waiting[@]}" 2>/dev/null || true' EXIT
failed=
beside others "${again[@]}" --filter "$others"
beside fronts "${again[@]}" --filter "$fronts"
run commands "${again[@]}" --filter "$commands" --skip "$fronts" || failed=1
for process in "${waiting[@]}"; do wait "$process" || failed=1; done
trap - EXIT
cat .build/fronts.log .build/others.log
[ -z "$failed" ]

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Prints the CPU time of a device that waits for a server that has gone silent: waiting.sh PROBE SECONDS
# runs a probe over DTLS against a simulator of its own, stops the simulator in the middle of a report,
# and looks at the probe's CPU time for so long. Exits 1 when it is busy meanwhile.
set -euo pipefail
probe=$1 seconds=$2
nbiot=$(dirname "$0")/../../.build/debug/nbiot
directory=$(mktemp -d)
secret=0123456789abcdef0123456789abcdef
(umask 077; echo "$secret" > "$directory/secret.txt")
: > "$directory/log"
"$nbiot" simulate --port 0 --device "a1B2c3D4e5F,device1,$directory/secret.txt" \
  --security dtls --certificates "$directory/certificates" > "$directory/log" 2> "$directory/errors" &
simulator=$!
trap 'kill -9 $simulator $device 2>/dev/null; rm -rf "$directory"' EXIT
device=
for _ in $(seq 100); do
  port=$(sed -n 's/^listening.* port \([0-9]*\),.*/\1/p' "$directory/log")
  [ -n "$port" ] && break
  sleep 0.1
done
{ printf '%s %s %s\n' "$secret" "$port" 99999999; cat "$directory/certificates/ca.pem"; } |
  "$probe" &
device=$!
# Clock ticks of user and system time.
ticks() { awk '{ print $14 + $15 }' "/proc/$device/stat"; }
for _ in $(seq 100); do
  grep -q 2.05 "$directory/log" && break
  sleep 0.1
done
kill -STOP $simulator
sleep 0.5
before=$(ticks)
sleep "$seconds"
after=$(ticks)
spent=$(awk -v ticks=$((after - before)) -v rate="$(getconf CLK_TCK)" 'BEGIN { print ticks / rate }')
echo "$probe: $spent s of CPU time in $seconds s of waiting for a server that is silent"
# The shell would tell of their end, as of a failure.
disown -a
awk -v spent="$spent" -v seconds="$seconds" 'BEGIN { exit spent > seconds / 60 }'

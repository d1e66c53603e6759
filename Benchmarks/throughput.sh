#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures how many QoS 1 reports a second reach a broker: a durable device over MQTT, each report on disk first, with
# 1 and with 16 under way, beside `mosquitto_pub -l -q 1`, which keeps nothing, in one run against one mosquitto.
#   throughput.sh PROGRAM [COUNT]
# Prints a table with the ratios. Needs mosquitto and mosquitto_pub.
set -euo pipefail
program=$(realpath "$1")
count=${2:-10000}
directory=$(mktemp -d)
cd "$directory"
broker=
finish() {
  [ -z "$broker" ] || kill "$broker" 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
for tool in mosquitto mosquitto_pub; do
  PATH=$PATH:/usr/sbin command -v "$tool" >/dev/null || {
    echo "throughput.sh: $tool is missing" >&2
    exit 1
  }
done

# The system chooses the port.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\nlog_dest none\n' "$port" > mosquitto.conf
PATH=$PATH:/usr/sbin mosquitto -c mosquitto.conf &
broker=$!
python3 - "$port" << 'END'
import socket, sys, time
end = time.monotonic() + 10
while time.monotonic() < end:
    try:
        socket.create_connection(("127.0.0.1", int(sys.argv[1]))).close()
        sys.exit(0)
    except OSError:
        time.sleep(0.02)
sys.exit("mosquitto does not start")
END

seq -f '{"params":{"temperature":21.5,"n":%.0f}}' "$count" > lines
measure() { # prints milliseconds, then what the command printed
  local start end out
  start=$(date +%s%N)
  out=$("$@" < lines)
  end=$(date +%s%N)
  echo "$(((end - start) / 1000000)) $out"
}
read -r plain _ <<< "$(measure mosquitto_pub -h 127.0.0.1 -p "$port" -q 1 -l -t /pk/device/user/update)"
printf '%-42s %10s %8s %s\n' "$count reports, QoS 1" "a second" syncs "of mosquitto_pub"
printf '%-42s %10d %8s\n' "mosquitto_pub -l -q 1, nothing on disk" $((count * 1000 / plain)) -
for flight in 1 16; do
  mkdir -m 700 "state-$flight"
  read -r time finished syncs <<< "$(measure "$program" "$port" "state-$flight" "$flight")"
  [ "$finished" = "$count" ] || {
    echo "throughput.sh: $finished of $count were delivered" >&2
    exit 1
  }
  awk -v n="$count" -v t="$time" -v p="$plain" -v s="$syncs" -v f="$flight" 'BEGIN {
    printf "%-42s %10d %8d %.2f\n", "on disk first, " f " under way, 16 topics", n * 1000 / t, s, p / t }'
done

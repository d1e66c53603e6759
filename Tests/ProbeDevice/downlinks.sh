#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Counts the heap allocations of a device in C that answers 10,000 messages of the platform, through mosquitto:
# downlinks.sh LIBRARY [COUNT], where LIBRARY is the folder with libnbiot-device-mqtt.a. Exits 1 if the library allocates
# after the first hundred; what the MQTT library and OpenSSL allocate is printed apart.
set -euo pipefail
library=$1 count=${2:-10000}
here=$(cd "$(dirname "$0")" && pwd)
broker=$(PATH=$PATH:/usr/sbin type -P mosquitto) || { echo "downlinks.sh: mosquitto is missing" >&2; exit 1; }
directory=$(mktemp -d)
processes=()
trap 'kill "${processes[@]}" 2>/dev/null || true; rm -rf "$directory"' EXIT
clang -std=c11 -O1 -Wall -Wextra -Werror -I "$library" -o "$directory/downlinks" "$here/downlinks.c" \
  "$library/libnbiot-device-mqtt.a" -Wl,--gc-sections -lpaho-mqtt3as -lssl -lcrypto

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf 'listener %s 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n' "$port" > "$directory/mosquitto.conf"
"$broker" -c "$directory/mosquitto.conf" > "$directory/broker.log" 2>&1 &
processes+=($!)
for _ in $(seq 100); do
  ! grep -q 'running$' "$directory/broker.log" || break
  sleep 0.1
done
# Debian's, for which the client's package is.
/usr/bin/python3 "$here/downlinks.py" "$port" "$count" > "$directory/ready" &
platform=$!
processes+=("$platform")
for _ in $(seq 100); do
  [ ! -s "$directory/ready" ] || break
  kill -0 "$platform" 2>/dev/null || { echo "downlinks.sh: the platform's side has ended" >&2; exit 1; }
  sleep 0.1
done
timeout 600 "$directory/downlinks" "$port" "$count" "$directory/state"
wait "$platform" || { echo "downlinks.sh: not all was answered" >&2; exit 1; }

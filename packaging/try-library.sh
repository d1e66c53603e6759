#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Runs packaging/report.c, a C program with libnbiot-device.a, against its own simulators: over both layers, twice each,
# the second time with the stored token; then packaging/upload.c, with libnbiot-device-https.a, likewise; then
# packaging/listen.c, with libnbiot-device-mqtt.a, over TLS: what nbiot push sends is answered. The exit status is 1 if
# anything fails.
set -euo pipefail
cd "$(dirname "$0")/.."
nbiot=.build/debug/nbiot report=.build-agent/x86_64-library/report listen=.build-agent/x86_64-mqtt-library/listen
upload=.build-agent/x86_64-https-library/upload
for file in "$nbiot" "$report" "$listen" "$upload"; do
  [ -x "$file" ] || { echo "try-library.sh: $file is missing: make build library" >&2; exit 1; }
done
directory=$(mktemp -d)
simulator= listener=
trap 'kill $simulator $listener 2>/dev/null || true; rm -rf "$directory"' EXIT
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

# A program over one transport has nothing of the libraries of another.
if readelf -dW "$report" | grep -qE 'NEEDED.*(paho|curl)' || readelf -dW "$listen" | grep -q 'NEEDED.*curl' ||
  readelf -dW "$upload" | grep -qE 'NEEDED.*(paho|cbor)'; then
  echo "a program needs the library of another transport" >&2
  exit 1
fi

# wait_for FILE PATTERN: the last line that matches, once there is one.
wait_for() {
  for _ in $(seq 600); do
    if grep -E -e "$2" "$1" | tail -1 | grep .; then return; fi
    sleep 0.05
  done
  echo "no $2 in:" >&2
  cat "$1" "$directory/errors" >&2
  exit 1
}
: > "$directory/log"
"$nbiot" simulate --port 0 --https 0 --certificates "$directory/certificates" \
  --device "a1B2c3D4e5F,device1,$directory/secret" > "$directory/log" 2> "$directory/errors" &
simulator=$!
port=$(wait_for "$directory/log" ', https$' | sed 's/.* port \([0-9]*\),.*/\1/')
head -c 10 /dev/zero | tr '\0' x > "$directory/short"
head -c 131072 /dev/zero | tr '\0' x > "$directory/long"
for run in first second; do
  timeout 60 "$upload" a1B2c3D4e5F device1 "$directory/secret" "$directory/state-https" 127.0.0.1 "$port" \
    "$directory/certificates/ca.pem" "$directory/short" "$directory/long" > "$directory/output"
  [ "$(grep -cE '^delivered .* status=200 code=0 .* answer=[0-9]+$' "$directory/output")" = 2 ] ||
    { echo "HTTPS, $run run: not delivered" >&2; cat "$directory/output" >&2; exit 1; }
  echo "C over HTTPS, $run run: $(tail -1 "$directory/output")"
done
grep -q '^2 delivered, 0 authentications' "$directory/output" ||
  { echo "HTTPS: the token was not kept" >&2; exit 1; }
grep -q '(131072 bytes) -> 200 code 0' "$directory/log" || { echo "HTTPS: the long report was cut" >&2; exit 1; }
kill $simulator
wait $simulator 2>/dev/null || true

: > "$directory/log"
"$nbiot" simulate --port 0 --mqtts 0 --control 0 --certificates "$directory/certificates" \
  --device "a1B2c3D4e5F,device1,$directory/secret" > "$directory/log" 2> "$directory/errors" &
simulator=$!
control=$(wait_for "$directory/log" ', control$' | sed 's/.* port \([0-9]*\),.*/\1/')
port=$(wait_for "$directory/log" ', mqtts$' | sed 's/.* port \([0-9]*\),.*/\1/')
: > "$directory/output"
mkfifo "$directory/input"
"$listen" a1B2c3D4e5F device1 "$directory/secret" "$directory/state-mqtt" 127.0.0.1 "$port" \
  "$directory/certificates/ca.pem" answer_time=5 firmware_version=1.0.0 desired=power \
  < "$directory/input" >> "$directory/output" 2>> "$directory/errors" &
listener=$!
exec 3> "$directory/input"
wait_for "$directory/log" 'SUBSCRIBE .*/desired/get_reply' > "$directory/found"

# row KIND ANSWER OPTION…: pushes; the answer, without its id, follows the request, or nothing does.
row() {
  local kind=$1 answer=$2 pushed id
  shift 2
  "$nbiot" push "$@" --at "127.0.0.1:$control" --product-key a1B2c3D4e5F --device-name device1 \
    > "$directory/pushed" 2>&1 &
  pushed=$!
  wait_for "$directory/output" "^(request [0-9]+|notice) $kind |^firmware $kind " > "$directory/found"
  if [ -n "$answer" ]; then
    id=$(cut -d ' ' -f 2 "$directory/found")
    echo "${answer/ID/$id}" >&3
    wait_for "$directory/output" "^ok $id$" > "$directory/found"
    echo "${answer/ID/$id}" >&3
    wait_for "$directory/output" "^refused $id -10$" > "$directory/found"
  fi
  wait $pushed || { echo "$kind: not answered" >&2; cat "$directory/pushed" >&2; exit 1; }
  : > "$directory/output"
  echo "C over MQTT: $kind"
}
digest=$(printf 'a%.0s' {1..64})
row property-set 'reply ID 200' property-set --params '{"power":"on"}'
row property-get 'reply ID 200 {"power":"on"}' property-get --params '["power"]'
row service 'reply ID 200 {"done":true}' service --service reboot --params '{"delay":5}'
row synchronous-call 'reply ID 200' service --service reboot --params '{"delay":6}' --synchronous
row synchronous-call 'bytes ID 706f6e67' rrpc --payload ping
row raw 'bytes ID 00ff' raw --hex 0200ff
row start '' firmware --firmware-version 2.0.0 --size 5 --url https://example.com/a \
  --md5 93230c3bde425a9d7984a594ac55ea1e
row configuration '' config --url https://example.com/c --size 5 --sha256 "$digest"
row sub-device-configuration '' sub-config --params "{\"digest\":\"$digest\",\"url\":\"https://example.com/s\"}"
row topology-addition '' topo-notify --params '[{"deviceName":"sub1","productKey":"a1B2c3D4e5F"}]'
row disable '' disable
row enable '' enable
row delete '' delete
row sub-device-error '' error --code 520
echo 'report {"value":1}' >&3
exec 3>&-
wait_for "$directory/output" '^delivered 1$' > "$directory/found"
wait $listener
listener=
echo "C over MQTT: a report, delivered"
kill $simulator
wait $simulator 2>/dev/null || true

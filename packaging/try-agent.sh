#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Tests nbiot-agent, as built for ARCH, end to end against its own simulators:
#   try-agent.sh ARCH…      x86_64, aarch64, armv7, or one of them with -symmetric or -mqtt
# Programs for another machine run under qemu, with the libraries of its sysroot. Prints a line for each step, and for
# each failure the expected and the actual result; the exit status is 1 if anything failed. For x86_64 it finally
# compares the memory for one report with that of libcoap's clients.
set -euo pipefail
cd "$(dirname "$0")/.."
nbiot=.build/debug/nbiot
secret=0123456789abcdef0123456789abcdef
[ $# -gt 0 ] || set -- x86_64

fail() {
  echo "try-agent.sh: $1" >&2
  exit 1
}
for tool in python3 time; do
  [ -n "$(type -P "$tool")" ] || fail "$tool is missing: make deps-agent"
done
[ -x "$nbiot" ] || fail "$nbiot is missing: make build"

directory=$(mktemp -d)
processes=() # background processes
end() {
  local process
  for process in "${processes[@]}"; do
    kill -CONT "$process" 2>/dev/null || true
    kill "$process" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$directory"
}
trap end EXIT
(umask 077; echo "$secret" > "$directory/secret")
(umask 077; echo "fedcba9876543210fedcba9876543210" > "$directory/wrong-secret")

# ---- Parts of a step.

failures=0 complaints=()
# expect WHAT IS WANTED: records a complaint if they differ.
expect() { [ "$2" = "$3" ] || complaints+=("$1: '$2', not '$3'"); }
# expect_match WHAT IS PATTERN: as above, with an extended regular expression over all lines.
expect_match() { grep -qE -e "$3" <<< "$2" || complaints+=("$1: '$2' does not match '$3'"); }
# step WORDS: ends a step; prints its complaints with the program's last lines.
step() {
  if [ ${#complaints[@]} = 0 ]; then
    echo "  ok      $1"
  else
    failures=$((failures + 1))
    echo "  FAILED  $1"
    printf '          %s\n' "${complaints[@]}"
    cat "$directory/output" "$directory/errors" | tail -8 | sed 's/^/          | /'
  fi
  complaints=()
}
# until SECONDS COMMAND…: polls; returns 1 if the command never succeeded.
until_true() {
  local turns=$(($1 * 50))
  shift
  while ! "$@"; do
    turns=$((turns - 1))
    [ $turns -gt 0 ] || return 1
    sleep 0.02
  done
}
ended() { ! kill -0 "$1" 2>/dev/null; }

# ---- The simulator. It prints JSON, one line per request.

# simulate NAME OPTION…: starts a simulator; sets simulator, port, log.
simulate() {
  log=$directory/$1.log
  : > "$log"
  shift
  "$nbiot" simulate --port 0 --log json --device "a1B2c3D4e5F,device1,$directory/secret" \
    --topic-class user/other "$@" \
    > "$log" 2> "$directory/simulator-errors" &
  simulator=$!
  processes+=("$simulator")
  until_true 20 grep -q '"listening"' "$log" ||
    { cat "$directory/simulator-errors" >&2; fail "the simulator does not listen"; }
  port=$(sed -n 's/.*"listening".*"port":\([0-9]*\).*/\1/p' "$log")
}
stop_simulator() {
  kill -CONT "$simulator" 2>/dev/null || true
  kill "$simulator"
  wait "$simulator" 2>/dev/null || true
}
# count KIND [TEXT]: the number of successful requests of a kind whose line contains a text.
count() { grep "\"kind\":\"$1\"" "$log" | grep -F -- "${2:-}" | grep -c '"code":"2\.' || true; }
# associations TEXT: the number of DTLS associations whose line contains a text.
associations() { grep '"kind":"association"' "$log" | grep -c "$1" || true; }

# ---- The program.

# configure FILE KEY=VALUE…: writes a configuration for this simulator.
configure() {
  local file=$1 pair
  shift
  {
    echo "# for try-agent.sh"
    echo "product-key = a1B2c3D4e5F"
    echo "device-name = device1"
    [[ " $* " == *" topic="* ]] || echo "topic = /a1B2c3D4e5F/device1/user/update"
    for pair in "$@"; do echo "${pair%%=*} = ${pair#*=}"; done
    [[ " $* " == *" device-secret-file="* ]] || echo "device-secret-file = $directory/secret"
    [[ " $* " == *" endpoint="* ]] || echo "endpoint = 127.0.0.1:$port"
  } > "$file"
}
# agent CONFIGURATION OPTION…: runs the agent to its end, with reports from standard input; sets status, and output and
# errors as text.
agent() {
  local file=$1
  shift
  status=0
  timeout 60 "${run[@]}" "$program" --config "$file" "$@" > "$directory/output" 2> "$directory/errors" ||
    status=$?
  output=$(cat "$directory/output") errors=$(cat "$directory/errors")
}
# start CONFIGURATION: starts the agent as process $process, with its standard input on descriptor 9.
start() {
  rm -f "$directory/input"
  mkfifo "$directory/input"
  # The output of the previous run must not be taken for this one's.
  : > "$directory/output"
  : > "$directory/errors"
  "${run[@]}" "$program" --config "$1" < "$directory/input" > "$directory/output" 2> "$directory/errors" &
  process=$!
  processes+=("$process")
  exec 9> "$directory/input"
}
# finish SIGNAL: sends a signal to the agent and waits for its end; sets status, output and errors.
finish() {
  status=0
  { # bash reports killed children
    kill "-$1" "$process" || true
    until_true 10 ended "$process" || {
      complaints+=("it does not end on SIG$1")
      kill -KILL "$process"
    }
    wait "$process" || status=$?
  } 2>/dev/null
  exec 9>&-
  output=$(cat "$directory/output") errors=$(cat "$directory/errors")
}
printed() { grep -qE "$1" "$directory/output"; }
logged() { grep -qE "$1" "$directory/errors"; }
lines() { grep -cE "$1" <<< "$output" || true; }
ids() { sed -n "s/^$1 \([0-9]*\).*/\1/p" <<< "$output" | tr '\n' ' '; }

# ---- The steps.

without_a_platform() {
  port=9
  configure "$directory/good" "state-directory=$directory/state-$arch-0" security=symmetric
  status=0
  output=$("${run[@]}" "$program" --help 2> "$directory/errors") || status=$?
  expect "status of --help" "$status" 0
  expect_match "--help" "$output" '--config FILE'
  status=0
  output=$("${run[@]}" "$program" --version 2> "$directory/errors") || status=$?
  expect "status of --version" "$status" 0
  expect_match "--version" "$output" '^nbiot-agent [0-9]'
  status=0
  "${run[@]}" "$program" > /dev/null 2> "$directory/errors" || status=$?
  expect "status without arguments" "$status" 2
  step "--help and --version; no arguments are refused"

  agent "$directory/good" --check < /dev/null
  expect "status of --check" "$status" 0
  [ ! -e "$directory/state-$arch-0" ] || complaints+=("--check has made the state directory")
  { cat "$directory/good"; echo "colour = red"; } > "$directory/unknown"
  agent "$directory/unknown" --once < /dev/null
  expect "status with an unknown key" "$status" 2
  expect_match "standard error" "$errors" "unknown:$(wc -l < "$directory/unknown"): .*colour"
  configure "$directory/value" "state-directory=$directory/state-$arch-0" security=rot13
  agent "$directory/value" --once < /dev/null
  expect "status with a wrong value" "$status" 2
  expect_match "standard error" "$errors" 'value:[0-9]+: .*security'
  agent "$directory/there-is-none" --once < /dev/null
  expect "status without a configuration" "$status" 2
  step "--check; an unknown key is refused with its line's number, a wrong value and no file too"

  cp "$directory/secret" "$directory/open-secret"
  chmod 644 "$directory/open-secret"
  configure "$directory/open" "state-directory=$directory/state-$arch-0" \
    "device-secret-file=$directory/open-secret"
  agent "$directory/open" --once < /dev/null
  expect_match "standard error" "$errors" '^warning secret-readable-by-others'
  step "a secret that others can read is complained about"
}

# with_a_platform LAYER OPTION-OF-SIMULATOR… -- KEY=VALUE…
with_a_platform() {
  local layer=$1 options=() state="$directory/state-$arch-$1" old
  shift
  while [ "$1" != -- ]; do options+=("$1"); shift; done
  shift
  local keys=("$@") configuration="$directory/configuration-$layer"
  simulate "$arch-$layer" "${options[@]}"
  configure "$configuration" "state-directory=$state" "${keys[@]}"

  agent "$configuration" --once <<< $'{"value":1}\n/a1B2c3D4e5F/device1/user/other\t{"value":2}'
  expect status "$status" 0
  expect "lines of accepted" "$(lines '^accepted [0-9]+$')" 2
  expect "lines of delivered" "$(lines '^delivered [0-9]+ 2\.05 .*up=[0-9]+ down=[0-9]+ sent=1 ms=[0-9]+')" 2
  expect "ids delivered" "$(ids delivered)" "$(ids accepted)"
  expect "authentications" "$(count authentication)" 1
  expect "reports at the platform" "$(count report)" 2
  expect "reports to the other topic" "$(count report /a1B2c3D4e5F/device1/user/other)" 1
  expect "mode of the state directory" "$(stat -c %a "$state" 2>/dev/null)" 700
  [ "$layer" = symmetric ] || expect "handshakes" "$(associations 'session made')" 1
  step "$layer: two reports by standard input, the second to a topic of its own"

  agent "$configuration" --once <<< '{"value":3}'
  expect status "$status" 0
  expect "lines of delivered" "$(lines '^delivered ')" 1
  expect "authentications, over both runs" "$(count authentication)" 1
  expect "reports at the platform" "$(count report)" 3
  [ "$layer" = symmetric ] || expect "full handshakes, over both runs" "$(associations 'session made')" 1
  step "$layer: the next run authenticates with nothing but the token that was kept"

  # The datagrams of an unanswered report are queued in the simulator's socket and processed when it continues. The
  # platform may therefore receive a report twice, under two numbers, but none is lost.
  kill -STOP "$simulator"
  start "$configuration"
  printf '%s\n' '{"value":4}' '{"value":5}' >&9
  until_true 10 printed '^accepted .*' || true
  until_true 10 eval '[ "$(grep -c ^accepted "$directory/output")" = 2 ]' ||
    complaints+=("the lines were not accepted")
  finish TERM
  expect "status after SIGTERM" "$status" 0
  expect "lines of delivered" "$(lines '^delivered ')" 0
  old=$(ids accepted)
  start "$configuration"
  echo '{"value":6}' >&9
  until_true 10 printed '^accepted ' || complaints+=("the line was not accepted")
  finish KILL
  expect "status after SIGKILL" "$status" 137
  old+=$(ids accepted)
  kill -CONT "$simulator"
  agent "$configuration" --once < /dev/null
  expect status "$status" 0
  expect "ids delivered" "$(ids delivered)" "$old"
  for value in 4 5 6; do
    [ "$(count report "{\\\"value\\\":$value}")" -ge 1 ] ||
      complaints+=("report $value is not at the platform")
  done
  expect "full authentications" "$(count authentication)" 1
  step "$layer: kept while the platform is silent, over SIGTERM and SIGKILL, and delivered later"

  if [ "$layer" = symmetric ]; then
    # The simulator refuses a number that does not increase, so a repeated one would not be answered with 2.05.
    expect "numbers that were used twice" \
      "$(sed -n 's/.*"kind":"report".*"seq":\([0-9]*\).*/\1/p' "$log" | sort | uniq -d)" ""
    expect "requests refused" "$(grep -c '"code":"[45]\.' "$log" || true)" 0
    step "$layer: no sequence number was used twice"
  fi

  local closed=$directory/closed-$layer
  configure "$closed" "state-directory=$state-closed" "${keys[@]}" "endpoint=127.0.0.1:1"
  agent "$closed" --once <<< '{"value":7}'
  expect "status at a closed port" "$status" 4
  expect "lines of accepted" "$(lines '^accepted ')" 1
  expect "lines of delivered" "$(lines '^delivered ')" 0
  configure "$closed" "state-directory=$state-closed" "${keys[@]}"
  agent "$closed" --once < /dev/null
  expect "status" "$status" 0
  expect "lines of delivered" "$(lines '^delivered ')" 1
  step "$layer: --once at a closed port keeps the report and says so by its status, 4"

  agent "$configuration" --once --format cbor <<< '{"value":8}'
  expect status "$status" 0
  expect "lines of delivered" "$(lines '^delivered ')" 1
  # {"value":8} in CBOR; the simulator prints CBOR in diagnostic notation, with a space, and JSON unchanged.
  [ "$(count report '{\"value\": 8}')" = 1 ] ||
    complaints+=("the platform has $(grep '"kind":"report"' "$log" | tail -1)")
  step "$layer: --format cbor"

  start "$configuration"
  printf '%s\n' '{"value":9}' >&9
  until_true 20 printed '^delivered ' || complaints+=("the report was not delivered")
  kill -USR1 "$process"
  until_true 10 logged '^info counters ' || complaints+=("SIGUSR1 printed no counters")
  ended "$process" && complaints+=("SIGUSR1 has ended it")
  expect_match counters "$(cat "$directory/errors")" '^info counters .*delivered=1( |$)'
  finish TERM
  expect "status after SIGTERM" "$status" 0
  step "$layer: SIGUSR1 prints counters, SIGTERM ends with status 0"

  agent "$configuration" --once <<< "$(head -c 5000 /dev/zero | tr '\0' x)"$'\n{"value":10}'
  expect "status" "$status" 1
  expect "lines of refused" "$(lines '^refused 1 ')" 1
  expect "lines of delivered" "$(lines '^delivered ')" 1
  step "$layer: a line that is too long is refused with its number, the next one goes out"

  status=0
  timeout 60 "${run[@]}" "$program" --config "$configuration" --once <<< '{"value":11}' > /dev/full \
    2> "$directory/errors" || status=$?
  expect "status when standard output is full" "$status" 5
  agent "$configuration" --once < /dev/null
  expect status "$status" 0
  [ "$(count report '{\"value\":11}')" -ge 1 ] || complaints+=("the report is not at the platform")
  step "$layer: a full standard output ends it with status 5, and loses nothing"

  start "$configuration"
  until_true 10 logged '^info started' || complaints+=("it does not start")
  local first=$process
  status=0
  timeout 60 "${run[@]}" "$program" --config "$configuration" --once < /dev/null \
    > "$directory/output-2" 2> "$directory/errors-2" || status=$?
  expect "status of a second one" "$status" 6
  process=$first
  finish TERM
  step "$layer: a second process on the same state directory ends with status 6"

  # The server does not answer to another pre-shared key; the step would take the handshake's whole timeout.
  if [ "$layer" != psk ]; then
    configure "$directory/wrong" "state-directory=$state-wrong" "${keys[@]}" \
      "device-secret-file=$directory/wrong-secret"
    agent "$directory/wrong" --once <<< '{"value":12}'
    expect status "$status" 3
    expect "lines of accepted" "$(lines '^accepted ')" 1
    expect "lines of delivered" "$(lines '^delivered ')" 0
    step "$layer: another secret ends --once with status 3"
  fi
  if [ "$layer" = certificate ]; then
    other_authority
    configure "$directory/wrong" "state-directory=$state-wrong" "${keys[@]/certificates/other}"
    agent "$directory/wrong" --once < /dev/null
    expect status "$status" 3
    expect_match "standard error" "$errors" 'authentication-failed reason=unknown-authority'
    step "$layer: a server of another authority ends --once with status 3"
  fi

  datagrams_of_a_socket "$layer" "$state" "${keys[@]}"
  stop_simulator
}

# over_mqtt KEY=VALUE…: over TLS, against the simulator's mosquitto.
over_mqtt() {
  local state=$directory/state-$arch configuration=$directory/configuration-$arch control push
  status=0
  output=$("${run[@]}" "$program" --version 2> "$directory/errors") || status=$?
  expect "status of --version" "$status" 0
  expect_match "--version" "$output" '^nbiot-agent-mqtt [0-9]'
  step "--version"

  simulate "$arch" --mqtts 0 --control 0 --certificates "$directory/certificates"
  until_true 20 grep -q '"control"' "$log" || fail "the simulator has no control socket"
  port=$(sed -n 's/.*"port":\([0-9]*\),"transport":"mqtts".*/\1/p' "$log")
  control=$(sed -n 's/.*"port":\([0-9]*\),"transport":"control".*/\1/p' "$log")
  printf '#!/bin/sh\ncat >/dev/null; echo "{}"\n' > "$directory/answer"
  chmod 755 "$directory/answer"
  configure "$configuration" "state-directory=$state" "ca-file=$directory/certificates/ca.pem" \
    "on-request=$directory/answer"

  agent "$configuration" --once <<< $'{"value":1}\n/a1B2c3D4e5F/device1/user/other\t{"value":2}'
  expect status "$status" 0
  expect "lines of delivered" "$(lines '^delivered [0-9]+( |$)')" 2
  expect "ids delivered" "$(ids delivered)" "$(ids accepted)"
  step "mqtt: two reports by standard input, the second to a topic of its own"

  start "$configuration"
  until_true 20 logged '^info connected' || complaints+=("it does not connect")
  push=$("$nbiot" push service --service reboot --at "127.0.0.1:$control" --product-key a1B2c3D4e5F --device-name device1 \
    --unchecked 2>&1) || complaints+=("the push fails: $push")
  expect_match "the answer" "$push" '200'
  finish KILL
  expect "status after SIGKILL" "$status" 137
  step "mqtt: a service that is pushed is answered by the command"

  kill -STOP "$(pgrep -P "$simulator" mosquitto)"
  start "$configuration"
  echo '{"value":3}' >&9
  until_true 10 printed '^accepted ' || complaints+=("the line was not accepted")
  finish KILL
  kill -CONT "$(pgrep -P "$simulator" mosquitto)"
  agent "$configuration" --once < /dev/null
  expect status "$status" 0
  expect "lines of delivered" "$(lines '^delivered ')" 1
  step "mqtt: kept while the broker is silent, over SIGKILL, and delivered later"

  configure "$configuration" "state-directory=$state-wrong" "ca-file=$directory/certificates/ca.pem" \
    "device-secret-file=$directory/wrong-secret"
  agent "$configuration" --once <<< '{"value":4}'
  expect status "$status" 3
  expect "lines of accepted" "$(lines '^accepted ')" 1
  step "mqtt: another secret ends --once with status 3"
  stop_simulator
}

# Makes certificates of another authority.
other_authority() {
  [ ! -d "$directory/other" ] || return 0
  local old=("$log" "$simulator" "$port")
  simulate other --security dtls --certificates "$directory/other"
  stop_simulator
  log=${old[0]} simulator=${old[1]} port=${old[2]}
}

# Lines from other programs through a Unix datagram socket; each is answered.
datagrams_of_a_socket() {
  local layer=$1 state=$2 answer
  shift 2
  configure "$directory/socket-configuration" "state-directory=$state" "$@" "socket=$directory/socket"
  start "$directory/socket-configuration"
  # The socket's name already exists, left by the previous agent.
  until_true 10 logged '^info started' || complaints+=("it does not start")
  answer=$(python3 -c '
import socket, sys
sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
sender.settimeout(10)
sender.bind(sys.argv[1] + "-sender")
sender.sendto(b"{\"value\":13}", sys.argv[1])
print(sender.recv(200).decode().strip())' "$directory/socket" 2>&1 | tail -1) || true
  rm -f "$directory/socket-sender"
  expect_match "the answer" "$answer" '^accepted [0-9]+$'
  until_true 20 printed '^delivered ' || complaints+=("the report was not delivered")
  finish TERM
  expect "status after SIGTERM" "$status" 0
  step "$layer: a report by the Unix socket"
}

# ---- Memory: the peak resident size while one report is sent, in KB, as counted by the kernel.

memory() {
  local state=$directory/state-memory path=/topic/a1B2c3D4e5F/device1/user/update
  printf '\nthe most memory in use for one report on x86_64, by the kernel'\''s count:\n'
  simulate memory
  configure "$directory/memory" "state-directory=$state" security=symmetric
  show_peak "nbiot-agent --once, symmetric" "$program" --config "$directory/memory" --once <<< '{"value":1}'
  show_peak "nbiot-agent --once, symmetric, token kept" \
    "$program" --config "$directory/memory" --once <<< '{"value":1}'
  # The simulator answers libcoap's client with 4.01; only the POST and its response matter.
  if command -v coap-client-notls >/dev/null; then
    show_peak "coap-client-notls -m post, no security" coap-client-notls -B 5 -m post -e '{"value":1}' \
      "coap://127.0.0.1:$port$path" < /dev/null
  else
    echo "  coap-client-notls is missing: make peers"
  fi
  stop_simulator
  simulate memory-dtls --security dtls --certificates "$directory/certificates"
  configure "$directory/memory" "state-directory=$state-psk" security=dtls dtls-key=psk
  show_peak "nbiot-agent --once, DTLS, pre-shared key" \
    "$program" --config "$directory/memory" --once <<< '{"value":1}'
  configure "$directory/memory" "state-directory=$state-dtls" security=dtls \
    "ca-file=$directory/certificates/ca.pem"
  show_peak "nbiot-agent --once, DTLS, certificate" \
    "$program" --config "$directory/memory" --once <<< '{"value":1}'
  if command -v coap-client-openssl >/dev/null; then
    show_peak "coap-client-openssl -m post, certificate" coap-client-openssl -B 5 -m post -e '{"value":1}' \
      -R "$directory/certificates/ca.pem" "coaps://127.0.0.1:$port$path" < /dev/null
  fi
  stop_simulator
}
show_peak() { # WORDS COMMAND…
  local words=$1 kilobytes
  shift
  timeout 30 time -q -o "$directory/peak" -f %M "$@" > "$directory/output" 2> "$directory/errors" ||
    { echo "  $words: FAILED"; failures=$((failures + 1)); return 0; }
  kilobytes=$(tail -1 "$directory/peak")
  printf '  %-46s %6d KB\n' "$words" "$kilobytes"
}

for arch; do
  machine=${arch%-symmetric} machine=${machine%-mqtt} run=()
  program=.build-agent/$arch/nbiot-agent
  [[ $arch != *-mqtt ]] || program+=-mqtt
  option=${arch#"$machine"}
  [ -x "$program" ] ||
    fail "$program is missing: packaging/build-agent.sh $machine${option:+ -$option}$([[ $option != -symmetric ]] || echo -only)"
  if [ "$machine" != x86_64 ]; then
    emulator=${machine/armv7/arm} tuple=${machine/armv7/arm}-linux-gnu
    [ "$machine" != armv7 ] || tuple+=eabihf
    command -v "qemu-$emulator" >/dev/null || fail "qemu-$emulator is missing: make deps-agent"
    sysroot=$PWD/.build-agent/sysroot-$machine
    # LD_LIBRARY_PATH as well: qemu 7.2 does not use the sysroot for the statx calls of a 32-bit loader.
    run=("qemu-$emulator" -L "$sysroot" -E "LD_LIBRARY_PATH=$sysroot/lib/$tuple:$sysroot/usr/lib/$tuple")
  fi
  echo "$arch: $(stat -c %s "$program") bytes${run:+, under qemu-$emulator}"
  if [[ $arch = *-mqtt ]]; then
    over_mqtt
    continue
  fi
  without_a_platform
  with_a_platform symmetric -- security=symmetric
  if [ "$machine" = "$arch" ]; then
    certificates=$directory/certificates
    with_a_platform certificate --security dtls --certificates "$certificates" -- \
      security=dtls "ca-file=$certificates/ca.pem"
    with_a_platform psk --security dtls --certificates "$certificates" -- security=dtls dtls-key=psk
  else
    configure "$directory/dtls" "state-directory=$directory/state" security=dtls dtls-key=psk
    agent "$directory/dtls" --once < /dev/null
    expect status "$status" 2
    step "a build without DTLS says so, and ends with status 2"
  fi
done
[ "$1" != x86_64 ] || { program=.build-agent/x86_64/nbiot-agent; memory; }
[ $failures = 0 ] || { echo "$failures steps failed" >&2; exit 1; }

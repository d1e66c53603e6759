#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures the cost of a handshake on the air: this DTLS client and `openssl s_client`, reduced as
# far as its command line allows, each over UDP against an `openssl s_server` that demands cookies,
# through a relay that counts. Prints a table, the bounds with their results, and the cost of a
# report. The exit status is 1 only if something fails. Needs openssl and python3.
set -euo pipefail
shopt -s inherit_errexit
here=$(cd "$(dirname "$0")" && pwd)
contender=$here/.build/release/handshake-contender
counter=$here/.build/release/libAllocationCounter.so
directory=$(mktemp -d)
cd "$directory"
processes=()
finish() {
  [ ${#processes[@]} -eq 0 ] || kill "${processes[@]}" 2>/dev/null || true
  rm -rf "$directory"
}
trap finish EXIT
give_up() {
  echo "$1" >&2
  tail -n 5 "$directory"/{server,client-errors}.log >&2
  exit 1
}

# Identity and key as derived by the platform's C SDK v4 from a device's name and secret.
identity='devicename|hmacsha256|a1B2c3D4e5F&device1|2524608000000'
key=0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
key_in_hex=$(printf %s "$key" | od -v -An -tx1 | tr -d ' \n')
# As long as the platform's own host names.
name=a1b2c3d4e5f.coap.cn-shanghai.link.aliyuncs.com

# A root certificate, and a leaf that it issues for $name and 127.0.0.1.
make_certificates() {
  openssl req -x509 -newkey "${@:2}" -nodes -sha256 -days 2 -subj "/CN=$1 root" -keyout "$1-root.key" \
    -out "$1-root.pem"
  openssl req -newkey "${@:2}" -nodes -subj "/CN=$1" -keyout "$1.key" -out "$1.csr"
  echo "subjectAltName=DNS:*.${name#*.},IP:127.0.0.1" > "$1.extensions"
  openssl x509 -req -in "$1.csr" -CA "$1-root.pem" -CAkey "$1-root.key" -set_serial 1 -sha256 -days 2 \
    -extfile "$1.extensions" -out "$1.pem"
}
{
  make_certificates ecdsa ec -pkeyopt ec_paramgen_curve:P-256
  make_certificates rsa rsa:2048
} > certificates.log 2>&1 || give_up "the certificates could not be made"

mkfifo server-input relay-input
exec 3<>server-input 4<>relay-input

await() { # FILE EXPRESSION
  local found
  for _ in $(seq 100); do
    found=$(sed -n "$2" "$1")
    [ -n "$found" ] && { echo "$found"; return; }
    sleep 0.05
  done
  return 1
}

# Starts a server behind a relay; sets $server, and $port to the relay's port.
start() {
  : > server.log
  : > relay-output
  : > datagrams
  openssl s_server -dtls1_2 -listen -accept 127.0.0.1:0 -mtu 1200 -timeout "$@" \
    <server-input >server.log 2>&1 &
  server=$!
  processes=("$server")
  local behind
  behind=$(await server.log 's/^ACCEPT .*:\([0-9]*\)$/\1/p') || give_up "openssl s_server does not run"
  python3 "$here/relay.py" "$behind" datagrams <relay-input >relay-output &
  processes+=($!)
  port=$(await relay-output 's/^\([0-9][0-9]*\)$/\1/p') || give_up "the relay does not run"
}
stop() {
  kill "${processes[@]}"
  wait "${processes[@]}" 2>/dev/null || true
  processes=()
}

# The last client's handshake: datagrams, bytes up, bytes down, bytes with IP and UDP, round trips.
last() {
  # The server accepts the next client once it has received this one's close_notify.
  sleep 0.2
  awk '
    $1 != client { client = $1; count = up = down = trips = 0; turned = reported = 0 }
    / 23/ && $2 == "up" { reported = 1 }
    !reported && $2 == "down" && !turned { trips++; turned = 1 }
    $2 == "up" { turned = 0 }
    / 2[02]/ { count++; if ($2 == "up") up += $3; else down += $3 }
    END { print count, up, down, up + down + 28 * count, trips }
  ' datagrams
}

# Runs a client under the allocation counter; sets $peak to its heap peak.
client() {
  timeout 20 env LD_PRELOAD="$counter" "$@" > client.log 2> client-errors.log ||
    give_up "a client failed: $*"
  peak=$(sed -n 's/^peak \([0-9]*\)$/\1/p' client-errors.log)
}

ours() { # OPTION…, the first ones as CREDENTIALS
  client "$contender" 127.0.0.1 "$port" "$@"
}
theirs() {
  client openssl s_client -dtls1_2 -connect "127.0.0.1:$port" -nocommands -mtu 1200 -no_etm "$@" \
    <<< "a report"
}

# One row: NAME KIND, then the arguments of the server, `--`, of this client, `--`, of s_client.
# KIND is full or resumed; a resumed session comes from a previous handshake.
row() {
  local name=$1 kind=$2 part=0
  shift 2
  local -a for_server=() for_ours=() for_theirs=()
  local word
  for word in "$@"; do
    case $part,$word in
      *,--) part=$((part + 1)) ;;
      0,*) for_server+=("$word") ;;
      1,*) for_ours+=("$word") ;;
      2,*) for_theirs+=("$word") ;;
    esac
  done
  start "${for_server[@]}"
  local our_peak their_peak our_counts their_counts
  if [ "$kind" = resumed ]; then
    ours "${for_ours[@]}" save=session
    last > /dev/null
    if [ -s session ]; then for_ours+=(load=session); fi
  fi
  ours "${for_ours[@]}"
  our_peak=$peak
  our_counts=$(last)
  summary=$(cat client.log)
  if [ "$kind" = resumed ]; then
    theirs "${for_theirs[@]}" -sess_out their-session
    last > /dev/null
    for_theirs+=(-sess_in their-session -groups P-256)
  fi
  theirs "${for_theirs[@]}"
  their_peak=$peak
  their_counts=$(last)
  stop
  rm -f session their-session
  local how=full
  [[ $summary == *" resumed, "* ]] && how=resumed
  echo "$name|$kind|$how|$our_counts $our_peak|$their_counts $their_peak|$summary" >> rows
}

ccm8=ECDHE-ECDSA-AES128-CCM8:@SECLEVEL=0
ecdsa_server=(-cert ecdsa.pem -key ecdsa.key -cipher "$ccm8")
ecdsa_client=(-CAfile ecdsa-root.pem -cipher "$ccm8" -groups X25519:P-256 -sigalgs ECDSA+SHA256)
nameless=-noservername
rsa_suite=ECDHE-RSA-CHACHA20-POLY1305
psk_server=(-nocert -psk "$key_in_hex" -psk_identity "$identity" -no_ticket)
psk_client=(-psk "$key_in_hex" -psk_identity "$identity" -sigalgs ECDSA+SHA256 -no_ticket -noservername
  -no-CAfile -no-CApath -no-CAstore)
ours_ecdsa=(certificate ecdsa-root.pem 127.0.0.1)
ours_psk=(psk "$identity" "$key")

row "full, P-256, CCM_8" full "${ecdsa_server[@]}" -no_ticket -- "${ours_ecdsa[@]}" -- \
  "${ecdsa_client[@]}" -no_ticket $nameless
row "the same, server's name sent" full "${ecdsa_server[@]}" -no_ticket -- \
  certificate ecdsa-root.pem "$name" -- "${ecdsa_client[@]}" -no_ticket -servername "$name"
row "full, RSA-2048, ChaCha20" full -cert rsa.pem -key rsa.key -cipher "$rsa_suite" -no_ticket -- \
  certificate rsa-root.pem 127.0.0.1 -- -CAfile rsa-root.pem -cipher "$rsa_suite" -groups X25519 \
  -sigalgs RSA+SHA256 -no_ticket $nameless
row "PSK, CCM_8" full "${psk_server[@]}" -cipher PSK-AES128-CCM8:@SECLEVEL=0 -- "${ours_psk[@]}" -- \
  "${psk_client[@]}" -cipher PSK-AES128-CCM8:@SECLEVEL=0
row "PSK, CBC-SHA, legacy" full "${psk_server[@]}" -cipher PSK-AES128-CBC-SHA -- \
  "${ours_psk[@]}" legacy -- "${psk_client[@]}" -cipher PSK-AES128-CBC-SHA
row "resumed by identifier, P-256" resumed "${ecdsa_server[@]}" -no_ticket -- "${ours_ecdsa[@]}" -- \
  "${ecdsa_client[@]}" -no_ticket $nameless
row "resumed by ticket, P-256" resumed "${ecdsa_server[@]}" -- "${ours_ecdsa[@]}" ticket -- \
  "${ecdsa_client[@]}" $nameless
row "resumed by identifier, PSK" resumed "${psk_server[@]}" -cipher PSK-AES128-CCM8:@SECLEVEL=0 -- \
  "${ours_psk[@]}" -- "${psk_client[@]}" -cipher PSK-AES128-CCM8:@SECLEVEL=0

# Before any handshake, with the certificates loaded.
client "$contender" 127.0.0.1 1 "${ours_ecdsa[@]}" idle
idle=$peak

# Allocations for a report and its answer over an established association: the server answers each
# line that the device prints. Arguments: the number of reports, then the device's credentials.
allocations() {
  timeout 60 env LD_PRELOAD="$counter" "$contender" 127.0.0.1 "$port" "${@:2}" answers "reports=$1" \
    2> client-errors.log > server-input || give_up "reports with answers failed"
  sleep 0.2
  sed -n 's/^allocations \([0-9]*\)$/\1/p' client-errors.log
}
each_report() {
  local first more
  first=$(allocations 100 "$@")
  more=$(allocations 1100 "$@")
  [ -n "$first" ] && [ -n "$more" ] || give_up "no count of allocations"
  awk -v first="$first" -v more="$more" 'BEGIN { printf "%g", (more - first) / 1000 }'
}
start "${ecdsa_server[@]}" -no_ticket
ccm8_allocations=$(each_report "${ours_ecdsa[@]}")
stop
start "${psk_server[@]}" -cipher PSK-AES128-CBC-SHA
cbc_allocations=$(each_report "${ours_psk[@]}" legacy)
stop

awk -F'|' -v idle="$idle" -v allocations="$ccm8_allocations" -v cbc="$cbc_allocations" -v leaf="$(
  openssl x509 -in ecdsa.pem -outform DER | wc -c
)" '
  function verdict(met) { if (!met) missed++; return met ? "met" : "MISSED" }
  function bound(name, most, datagrams) {
    printf "%-30s at most %d bytes: %d %s", name, most, total[name], verdict(total[name] <= most)
    printf "; %d datagrams: %d %s\n", datagrams, count[name], verdict(count[name] <= datagrams)
  }
  BEGIN {
    print "a DTLS handshake, this client / openssl s_client; bytes of the datagrams, with IP and UDP in the"
    print "column `on the air`; round trips before the first report; heap peak in KB; leaf of", leaf, "bytes"
    format = "%-30s %11s %13s %13s %13s %9s %11s\n"
    printf format, "", "datagrams", "up", "down", "on the air", "trips", "heap"
  }
  {
    split($4, a, " "); split($5, b, " ")
    name = $1
    if ($2 != $3) { name = name "; full"; notKept = 1 }
    printf format, name, a[1] " / " b[1], a[2] " / " b[2], a[3] " / " b[3], a[4] " / " b[4],
      a[5] " / " b[5], sprintf("%.0f / %.0f", a[6] / 1000, b[6] / 1000)
    count[$1] = a[1]; total[$1] = a[4]
    if (match($6, /record of [0-9]+/)) record[$1] = substr($6, RSTART + 10, RLENGTH - 10)
  }
  END {
    if (notKept) print "; full: the client has not stored the session, because resuming it would cost more"
    printf "heap peak before the first handshake: %.0f KB, all of OpenSSL included\n", idle / 1000
    print ""
    print "bounds"
    bound("full, P-256, CCM_8", 1450, 6)
    bound("resumed by identifier, P-256", 760, 5)
    bound("PSK, CCM_8", 850, 6)
    bound("PSK, CBC-SHA, legacy", 910, 6)
    added = record["full, P-256, CCM_8"] - 92
    printf "a record adds at most 29 bytes to a report of 92 (CCM_8): %d %s\n", added, verdict(added <= 29)
    printf "heap allocations of a report and its answer, at most 2 (CCM_8): %g %s\n", allocations,
      verdict(allocations <= 2)
    printf "CBC-SHA: %d bytes and %g allocations, all of them of OpenSSL\n",
      record["PSK, CBC-SHA, legacy"] - 92, cbc
    print missed ? missed " of the bounds are missed" : "all bounds are met"
  }' rows

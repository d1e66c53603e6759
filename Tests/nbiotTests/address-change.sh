#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Reports from a network namespace whose address changes between two reports:
#   address-change.sh NBIOT FOLDER 4|6 symmetric|dtls
# prints what `nbiot publish` printed, a line a report. Ends with 77 where namespaces are not permitted.
set -euo pipefail
nbiot=$1 folder=$2 family=$3 security=$4
device=nbd$$ server=nbs$$
ip netns add "$device" 2>/dev/null || exit 77
children=()
clean() {
  for child in ${children[@]+"${children[@]}"}; do kill "$child" 2>/dev/null || true; done
  ip netns delete "$device" 2>/dev/null || true
  ip netns delete "$server" 2>/dev/null || true
}
trap clean EXIT
ip netns add "$server"
ip link add "d$$" netns "$device" type veth peer name "s$$" netns "$server" || exit 77
if [ "$family" = 6 ]; then
  network=fd00::2 first=fd00::11/64 second=fd00::12/64 platform=fd00::2/64
  endpoint="[$network]:5700"
else
  network=192.0.2.2 first=192.0.2.11/24 second=192.0.2.12/24 platform=192.0.2.2/24
  endpoint="$network:5700"
fi
add() { # NAMESPACE LINK ADDRESS
  if [ "$family" = 6 ]; then ip -n "$1" address add "$3" dev "$2" nodad; else ip -n "$1" address add "$3" dev "$2"; fi
}
add "$server" "s$$" "$platform"
add "$device" "d$$" "$first"
ip -n "$server" link set "s$$" up
ip -n "$device" link set "d$$" up
cd "$folder"
printf '0123456789abcdef0123456789abcdef\n' >secret
chmod 600 secret
options=()
[ "$security" = symmetric ] || options=(--psk)
ip netns exec "$server" "$nbiot" simulate --host "$network" --port 5700 --security "$security" \
  ${options[@]+--certificates certificates} --device "a1B2c3D4e5F,device1,secret" >platform.log &
children+=($!)
until [ -s platform.log ]; do sleep 0.1; done
mkfifo lines
ip netns exec "$device" "$nbiot" publish --endpoint "$endpoint" --product-key a1B2c3D4e5F --device-name device1 \
  --device-secret-file secret --topic /a1B2c3D4e5F/device1/user/update --security "$security" \
  ${options[@]+"${options[@]}"} <lines >results 2>errors &
children+=($!)
exec 3>lines
report() { # NUMBER: reports, and waits for the result
  echo "$1" >&3
  until [ "$(wc -l <results)" -ge "$1" ]; do
    kill -0 "${children[1]}" 2>/dev/null || break
    sleep 0.1
  done
}
report 1
ip -n "$device" address flush dev "d$$" scope global
add "$device" "d$$" "$second"
report 2
report 3
exec 3>&-
wait "${children[1]}" || true
cat results

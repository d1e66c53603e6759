#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Four reports from a network namespace through a router that drops packets:
#   ledger-wire.sh NBIOT FOLDER mqtt|mqtts|ws|wss|https DOWN [UP]
# Of the first fifteen packets each DOWN-th to the device is dropped, and each UP-th from it; 0 is none. Prints the bytes
# of IP that the router had from the device, and gave to it without a closed socket's RST, and how many of these it gave:
# `up BYTES down BYTES resets PACKETS dropped PACKETS`; then what `nbiot publish` printed. Ends with 77 where namespaces are not permitted.
set -euo pipefail
nbiot=$1 folder=$2 transport=$3 down=$4 up=${5:-0}
device=nbd$$ server=nbs$$
ip netns add "$device" 2>/dev/null || exit 77
[ -w /dev/net/tun ] || { ip netns delete "$device"; exit 77; }
children=()
clean() {
  for child in ${children[@]+"${children[@]}"}; do kill -KILL "$child" 2>/dev/null || true; done
  wait || true
  for space in "$device" "$server"; do ip netns delete "$space" 2>/dev/null || true; done
}
trap clean EXIT
ip netns add "$server"
cd "$folder"
# The router: a descriptor for each side, whose interface it moves into that side's namespace. A packet that it reads or
# writes is one of the wire, for the kernel cuts larger ones before.
cat >router.py <<'END'
import collections, fcntl, os, select, signal, struct, subprocess, sys, time
device, server, down, up, number = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
def side(name, space, address, peer):
    link = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(link, 0x400454CA, struct.pack("16sH", name.encode(), 0x1001))
    subprocess.check_call(["ip", "link", "set", name, "netns", space])
    for words in (["address", "add", address, "peer", peer, "dev", name], ["link", "set", name, "up"],
                  ["link", "set", "lo", "up"]):
        subprocess.check_call(["ip", "-n", space] + words)
    return link
one = side("d" + number, device, "192.0.2.1", "192.0.2.2")
other = side("s" + number, server, "192.0.2.2", "192.0.2.1")
seen, sizes, dropped = {one: 0, other: 0}, {one: 0, other: 0}, 0
resets = 0
def end(*_):
    print("up", sizes[one], "down", sizes[other], "resets", resets, "dropped", dropped, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
# A program that a test starts has it blocked.
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
print("ready", flush=True)
# A packet takes 40 ms: where a round trip is as long as a busy machine stands still, TCP would send again what was not lost,
# and the kernel does not tell how much came twice.
under_way = collections.deque()
while True:
    patience = max(0, under_way[0][0] - time.monotonic()) if under_way else None
    for link in select.select([one, other], [], [], patience)[0]:
        packet = os.read(link, 65536)
        if packet[0] >> 4 != 4 or packet[9] != 6:
            continue
        seen[link] += 1
        every = up if link == one else down
        is_lost = every > 0 and seen[link] <= 15 and seen[link] % every == 0
        dropped += is_lost
        # RST alone, without options.
        is_reset = link == other and packet[33] == 4
        if link == one or not is_lost and not is_reset:
            sizes[link] += packet[2] << 8 | packet[3]
        resets += is_reset and not is_lost
        if not is_lost:
            under_way.append((time.monotonic() + 0.04, other if link == one else one, packet))
    while under_way and under_way[0][0] <= time.monotonic():
        _, link, packet = under_way.popleft()
        os.write(link, packet)
END
touch capture
python3 router.py "$device" "$server" "$down" "$up" $$ >capture &
router=$!
children+=("$router")
until grep -q ready capture; do
  kill -0 $router 2>/dev/null || exit 77
  sleep 0.1
done
printf '0123456789abcdef0123456789abcdef\n' >secret
chmod 600 secret
certificates=() authority=()
case $transport in
mqtts | wss | https) certificates=(--certificates certificates) authority=(--ca-file certificates/ca.pem) ;;
esac
ip netns exec "$server" "$nbiot" simulate --host 192.0.2.2 --port 5700 "--$transport" 8800 \
  ${certificates[@]+"${certificates[@]}"} --device "a1B2c3D4e5F,device1,secret" >platform.log 2>&1 &
children+=($!)
until grep -q 8800 platform.log; do
  kill -0 "${children[1]}" 2>/dev/null || { cat platform.log >&2; exit 1; }
  sleep 0.1
done
options=()
case $transport in
https) options=(--transport https) ;;
mqtts) options=(--transport mqtt) ;;
mqtt) options=(--transport mqtt --plain) ;;
ws) options=(--transport mqtt --websocket --plain) ;;
wss) options=(--transport mqtt --websocket) ;;
esac
seq 1 4 | ip netns exec "$device" "$nbiot" publish "${options[@]}" ${authority[@]+"${authority[@]}"} --endpoint 192.0.2.2:8800 \
  --product-key a1B2c3D4e5F --device-name device1 --device-secret-file secret \
  --topic /a1B2c3D4e5F/device1/user/update --ledger --output json >results 2>errors || { cat errors results >&2; exit 1; }
kill -TERM $router
wait $router || true
tail -1 capture
cat results

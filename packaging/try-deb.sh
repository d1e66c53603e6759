#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the packages of .build-deb in a fresh Debian 12 without Swift, uses them, upgrades and purges them:
#   try-deb.sh
# Needs root and debootstrap. The chroot is in .build-deb/chroot, and is kept for the next run's packages.
set -euo pipefail
cd "$(dirname "$0")/.."
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
fail() {
  echo "try-deb.sh: $1" >&2
  exit 1
}
[ "$(id -u)" = 0 ] || fail "needs root, for a chroot"
command -v debootstrap >/dev/null || fail "debootstrap is missing: apt-get install debootstrap"
version=$(cat VERSION)
ls .build-deb/nbiot-tools_"$version"_amd64.deb >/dev/null || fail "the packages are missing: make deb"

step() { echo "  ok      $1"; }

lintian --fail-on error .build-deb/*_"$version"_*.deb > .build-deb/lintian.log 2>&1 ||
  { cat .build-deb/lintian.log >&2; fail "lintian has errors"; }
step "lintian: no error, $(grep -c '^W:' .build-deb/lintian.log || true) warnings"
# 1.2 of 10, where the tool counts in tenths.
for unit in packaging/*.service; do
  systemd-analyze security --offline=true --no-pager --threshold=12 "$PWD/$unit" > .build-deb/security.log 2>&1 ||
    { tail -3 .build-deb/security.log >&2; fail "systemd-analyze security of $unit"; }
  step "$(basename "$unit"): $(grep -o 'exposure level.*: [0-9.]*' .build-deb/security.log | sed 's/.*: //') of 10 by systemd-analyze security"
done

base=$PWD/.build-deb/base root=$PWD/.build-deb/chroot
if [ ! -e "$base/made" ]; then
  rm -rf "$base"
  echo "a Debian 12 by debootstrap"
  debootstrap --variant=minbase bookworm "$base" "$mirror" > .build-deb/debootstrap.log 2>&1 ||
    { tail -5 .build-deb/debootstrap.log >&2; fail "debootstrap failed"; }
  touch "$base/made"
fi
end() {
  mountpoint -q "$root/proc" && umount "$root/proc"
  return 0
}
trap end EXIT
end
rm -rf "$root"
cp -a "$base" "$root"
mount -t proc proc "$root/proc"
mkdir "$root/packages"
cp .build-deb/*_"$version"_amd64.deb "$root/packages/"
cp /etc/resolv.conf "$root/etc/resolv.conf"
inside() { chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 "$@"; }

inside apt-get update -q > .build-deb/try.log 2>&1
# What the administrator and Debian's own packages leave: the state before ours.
inside sh -c 'apt-get install -qy --no-install-recommends libssl3 libcbor0.8 libpaho-mqtt1.3 libcurl4 libpcap0.8 \
  systemd-standalone-sysusers gcc libc6-dev make cmake pkg-config libssl-dev libpaho-mqtt-dev libcurl4-openssl-dev' >> .build-deb/try.log 2>&1
inside find / -xdev \( -path /proc -o -path /packages -o -path /earlier -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg \
  -o -path /var/lib/apt -o -path /tmp -o -path "/etc/*-" \) -prune -o -print | sort > .build-deb/before
# The same packages, as they would be of an earlier version: for the upgrade.
mkdir "$root/earlier"
for package in "$root"/packages/*.deb; do
  rm -rf .build-deb/earlier
  dpkg-deb -R "$package" .build-deb/earlier
  sed -i "s/^Version: $version\$/Version: $version~earlier/;s/(= $version)/(= $version~earlier)/" .build-deb/earlier/DEBIAN/control
  dpkg-deb -b --root-owner-group .build-deb/earlier "$root/earlier/$(basename "$package")" > /dev/null
done
rm -rf .build-deb/earlier
inside sh -c 'apt-get install -qy --no-install-recommends /earlier/*.deb' >> .build-deb/try.log 2>&1 ||
  { tail -20 .build-deb/try.log >&2; fail "apt-get install failed"; }
step "apt install of all five packages, without Swift"

inside nbiot --version | grep -qx "$version" || fail "nbiot --version is not $version"
for agent in nbiot-agent nbiot-agent-mqtt nbiot-agent-https nbiot-gateway; do
  inside $agent --version | grep -qx "$agent $version" || fail "$agent --version is not $version"
done
step "five programs of version $version"
inside nbiot demo > .build-deb/demo.log 2>&1 || { tail -5 .build-deb/demo.log >&2; fail "nbiot demo failed"; }
step "nbiot demo: $(tail -1 .build-deb/demo.log)"
[ -s "$root/usr/share/man/man1/nbiot.1.gz" ] || fail "no man page"
python3 -B Tests/House/docs.py "$root/usr/share/doc/nbiot-tools" > .build-deb/pages.log ||
  { cat .build-deb/pages.log >&2; fail "links in the installed pages"; }
step "the installed pages: $(tail -1 .build-deb/pages.log)"
inside bash -n /usr/share/bash-completion/completions/nbiot || fail "the completions are no bash"
step "man pages and completions"
inside getent group nbiot > /dev/null || fail "there is no group nbiot"
step "the group nbiot, for the agent's socket"

# The agent by the unit's command line, with the packaged configuration, against the simulator.
inside sh -ec '
  install -m 600 /dev/null /etc/nbiot-agent/secret
  echo 0123456789abcdef0123456789abcdef > /etc/nbiot-agent/secret
  cp /usr/share/doc/nbiot-agent/examples/nbiot-agent.conf /etc/nbiot-agent/
  nbiot simulate --port 0 --device a1B2c3D4e5F,device1,/etc/nbiot-agent/secret > /tmp/simulator 2>&1 &
  simulator=$!
  trap "kill $simulator" EXIT
  port=
  while [ -z "$port" ]; do
    kill -0 $simulator || { cat /tmp/simulator; exit 1; }
    sleep 0.1
    port=$(sed -n "s/^listening.* port \([0-9]*\),.*/\1/p" /tmp/simulator)
  done
  sed -i "s/^#endpoint = .*/endpoint = 127.0.0.1:$port/" /etc/nbiot-agent/nbiot-agent.conf
  command=$(sed -n "s/^ExecStart=//p" /lib/systemd/system/nbiot-agent.service /usr/lib/systemd/system/nbiot-agent.service 2>/dev/null | head -1)
  grep -q "^topic = " /etc/nbiot-agent/nbiot-agent.conf ||
    echo "topic = /a1B2c3D4e5F/device1/user/update" >> /etc/nbiot-agent/nbiot-agent.conf
  echo "{\"value\":1}" | $command --once
' > .build-deb/agent.log 2>&1 || { cat .build-deb/agent.log >&2; fail "the agent failed"; }
grep -q '^delivered 1 2\.05' .build-deb/agent.log || { cat .build-deb/agent.log >&2; fail "the report did not arrive"; }
step "the unit's command line with the packaged configuration: $(grep '^delivered' .build-deb/agent.log)"

inside sh -ec '
  cd /tmp
  for library in nbiot-device:report nbiot-device-mqtt:listen nbiot-device-https:upload; do
    gcc -Wall -Werror -o example /usr/share/doc/libnbiot-device-dev/examples/${library#*:}.c \
      $(pkg-config --cflags --libs ${library%:*})
    ./example 2>&1 | grep -q usage
  done
  cp -r /usr/share/doc/libnbiot-device-dev/examples/sensor-c .
  make -s -C sensor-c PACKAGED=1
  sensor-c/sensor 2>&1 | grep -q "takes FILE"
  for library in nbiot-device:report nbiot-device-mqtt:listen nbiot-device-https:upload; do
    rm -rf cmake && mkdir cmake
    cat > cmake/CMakeLists.txt << END
cmake_minimum_required(VERSION 3.16)
project(example C)
find_package(nbiot-device $0 EXACT REQUIRED)
add_executable(example /usr/share/doc/libnbiot-device-dev/examples/${library#*:}.c)
target_link_libraries(example nbiot::${library%:*})
END
    sed -i s/nbiot::nbiot-/nbiot::/ cmake/CMakeLists.txt
    cmake -S cmake -B cmake
    cmake --build cmake
    cmake/example 2>&1 | grep -q usage
  done' "$version" > .build-deb/c.log 2>&1 || { cat .build-deb/c.log >&2; fail "the C examples failed"; }
step "the C examples by pkg-config and by CMake"

inside sh -c 'apt-get install -qy --no-install-recommends /packages/*.deb' >> .build-deb/try.log 2>&1 ||
  { tail -20 .build-deb/try.log >&2; fail "the upgrade failed"; }
for package in nbiot-tools nbiot-agent nbiot-gateway libnbiot-device0 libnbiot-device-dev; do
  installed=$(inside dpkg-query -W -f '${Version} ${Status}' $package)
  [ "$installed" = "$version install ok installed" ] || fail "the upgrade leaves $package at $installed"
done
grep -q '^endpoint = 127' "$root/etc/nbiot-agent/nbiot-agent.conf" || fail "the upgrade changed the configuration"
step "an upgrade from $version~earlier leaves the configuration as it is"
inside sh -c 'apt-get install -qy --reinstall /packages/nbiot-agent_*.deb' >> .build-deb/try.log 2>&1 || fail "the reinstallation failed"

inside sh -c 'apt-get purge -qy nbiot-tools nbiot-agent nbiot-gateway libnbiot-device0 libnbiot-device-dev' >> .build-deb/try.log 2>&1 ||
  { tail -20 .build-deb/try.log >&2; fail "purge failed"; }
inside find / -xdev \( -path /proc -o -path /packages -o -path /earlier -o -path /var/log -o -path /var/cache -o -path /var/lib/dpkg \
  -o -path /var/lib/apt -o -path /tmp -o -path "/etc/*-" \) -prune -o -print | sort > .build-deb/after
left=$(comm -13 .build-deb/before .build-deb/after | tr '\n' ' ')
[ "$left" = "/etc/nbiot-agent /etc/nbiot-agent/nbiot-agent.conf /etc/nbiot-agent/secret " ] ||
  fail "purge leaves: $left"
step "purge leaves what the administrator made: $left"

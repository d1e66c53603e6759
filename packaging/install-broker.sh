#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what the simulator's MQTT side needs where it is missing: mosquitto, and mosquitto-dev to build the plugin;
# with --tests also the clients that the tests use. mosquitto's own service is neither started nor enabled.
set -euo pipefail
cd "$(dirname "$0")/.."

is_installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

packages=(mosquitto mosquitto-dev)
[ "${1-}" = --tests ] && packages+=(mosquitto-clients python3-paho-mqtt)
missing=()
for package in "${packages[@]}"; do is_installed "$package" || missing+=("$package"); done
[ "${#missing[@]}" = 0 ] && exit 0
is_installed mosquitto && had_broker=yes || had_broker=
is_installed mosquitto-dev && had_headers=yes || had_headers=

# Debian starts a service when it is installed, unless this program forbids it (status 101).
policy=/usr/sbin/policy-rc.d
if [ -z "$had_broker" ] && [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
  as_root chmod 755 "$policy"
  trap 'as_root rm -f "$policy"' EXIT
fi
echo "installing ${missing[*]}"
as_root apt-get update -q
as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends "${missing[@]}"
# It is enabled by now, for the next start of the machine.
if [ -z "$had_broker" ]; then
  as_root deb-systemd-helper disable mosquitto.service >/dev/null 2>&1 || true
  as_root update-rc.d mosquitto disable >/dev/null 2>&1 || true
fi
# A plugin that was built without the headers is empty, and SwiftPM would not build it again.
[ -n "$had_headers" ] || touch Sources/BrokerPlugin/nbiot_broker.c

#!/usr/bin/env bash
# Installs mosquitto for the tests, and mosquitto-dev, whose header its plugins need. Its service is neither started nor
# enabled: a policy forbids services to start while it is installed, and it is disabled afterwards.
set -euo pipefail

[ -x /usr/sbin/mosquitto ] && [ -r /usr/include/mosquitto_plugin.h ] && exit
echo "installing mosquitto mosquitto-dev"
sudo=
[ "$(id -u)" = 0 ] || sudo=sudo
policy=/usr/sbin/policy-rc.d made=
if [ ! -e "$policy" ]; then
  printf '#!/bin/sh\nexit 101\n' | $sudo tee "$policy" >/dev/null
  $sudo chmod 755 "$policy"
  made=1
fi
finish() { [ -z "$made" ] || $sudo rm -f "$policy"; }
trap finish EXIT
had=
[ ! -x /usr/sbin/mosquitto ] || had=1
$sudo apt-get update -q
$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends mosquitto mosquitto-dev
# Who had it before has it as it was.
if [ -z "$had" ]; then
  if command -v systemctl >/dev/null; then
    $sudo systemctl disable mosquitto.service >/dev/null 2>&1 || true
  elif command -v update-rc.d >/dev/null; then
    $sudo update-rc.d mosquitto disable >/dev/null 2>&1 || true
  fi
fi

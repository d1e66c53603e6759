#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what tests run beside the programs, where it is missing:
# set-up.sh [libcoap] [openssl] [matplotlib] [aiocoap] [chromium]
# libcoap's example servers, OpenSSL's command line, matplotlib, with which `nbiot estimate --plot` draws, and Chromium,
# which shows the console, come from Debian, aiocoap from PyPI into .build-peers/venv.
set -euo pipefail
cd "$(dirname "$0")/../.."
aiocoap=0.4.17
stamp=.build-peers/venv/aiocoap-$aiocoap

has_libcoap() { command -v coap-server-notls >/dev/null; }
has_openssl() { command -v openssl >/dev/null; }
has_matplotlib() { /usr/bin/python3 -c 'import matplotlib' 2>/dev/null; }
has_chromium() { command -v chromium >/dev/null && command -v chromedriver >/dev/null; }
has_aiocoap() { [ -e "$stamp" ]; }

as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

install_packages() {
  echo "installing $*"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy "$@" || {
    as_root apt-get update -q
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -qy "$@"
  }
}

install_aiocoap() {
  python3 -c 'import ensurepip, venv' || install_packages python3-venv
  rm -rf .build-peers/venv
  python3 -m venv .build-peers/venv
  timeout 300 .build-peers/venv/bin/pip install --quiet --disable-pip-version-check "aiocoap==$aiocoap"
  touch "$stamp"
}

mkdir -p .build-peers
# One at a time: two test runs may come here at once.
exec 9>.build-peers/lock
flock 9
[ $# -gt 0 ] || set -- libcoap openssl matplotlib aiocoap chromium
for name in "$@"; do
  "has_$name" && continue
  case $name in
  libcoap) install_packages libcoap3-bin ;;
  openssl) install_packages openssl ;;
  matplotlib) install_packages --no-install-recommends python3-matplotlib ;;
  aiocoap) install_aiocoap ;;
  chromium) install_packages --no-install-recommends chromium chromium-driver fonts-dejavu-core ;;
  esac
done

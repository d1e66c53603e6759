#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Creates .build-agent/sysroot-ARCH, with which programs for another machine are compiled and linked:
#   sysroot.sh aarch64|armv7
# the C library, OpenSSL, libcbor and Eclipse Paho of Debian 12, with their headers, downloaded and unpacked. Nothing is installed,
# and apt's own state does not change: a separate package list is in .build-agent/apt-ARCH.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "sysroot.sh: $1" >&2
  exit 1
}

case ${1:-} in
aarch64) debian=arm64 ;;
armv7) debian=armhf ;;
*) fail "takes aarch64 or armv7" ;;
esac
sysroot=.build-agent/sysroot-$1 apt=$PWD/.build-agent/apt-$1
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages=(
  libc6 libc6-dev linux-libc-dev libgcc-12-dev libssl3 libssl-dev libcbor0.8 libcbor-dev
  libpaho-mqtt1.3 libpaho-mqtt-dev
)
wanted="$mirror $debian ${packages[*]}"
[ "$(head -1 "$sysroot/made-of" 2>/dev/null)" != "$wanted" ] || exit 0

command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null ||
  fail "apt-get and dpkg-deb are missing: this needs Debian or a derivative"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r "$keys" ] || fail "$keys is missing: make deps-agent"

echo "$1: downloading ${packages[*]} of $debian from $mirror"
rm -rf "$sysroot" "$apt"
mkdir -p "$sysroot" "$apt"/{lists,cache/archives}/partial
: > "$apt/status"
echo "deb [signed-by=$keys] $mirror bookworm main" > "$apt/sources.list"
options=(
  -q -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=-
  -o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status"
  -o Dir::Cache="$apt/cache" -o APT::Architecture="$debian" -o APT::Architectures="$debian"
  -o APT::Sandbox::User="$(id -un)" -o Acquire::Languages=none -o Acquire::Retries=3
)
# By default apt-get only warns when an update fails.
apt-get "${options[@]}" -o APT::Update::Error-Mode=any update > "$apt/log" 2>&1 ||
  { cat "$apt/log" >&2; fail "apt-get update failed"; }
(cd "$apt" && apt-get "${options[@]}" download "${packages[@]}" >> log 2>&1) ||
  { cat "$apt/log" >&2; fail "apt-get download failed"; }
for package in "$apt"/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
rm -rf "${sysroot:?}/usr/share"
{
  echo "$wanted"
  (cd "$apt" && ls -- *.deb)
} > "$sysroot/made-of"
rm -rf "$apt"

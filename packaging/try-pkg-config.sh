#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds packaging/report.c with what pkg-config says of the packages in .build-deb, and runs it against a simulator:
#   try-pkg-config.sh [ARCH…]
# ARCH is x86_64, aarch64 or armv7; all three unless said. Other machines' programs run under qemu, with the libraries in
# .build-agent/sysroot-ARCH. Each is built twice: with the shared library, and, by --static, with the archive.
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(cat VERSION)
nbiot=$PWD/.build-install/nbiot
fail() {
  echo "try-pkg-config.sh: $1" >&2
  exit 1
}
[ -x "$nbiot" ] || fail "$nbiot is missing: make to-install"
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
clang=$(realpath "$resources/../../bin/clang")
work=$(mktemp -d)
simulator=
trap '[ -z "$simulator" ] || kill "$simulator" 2>/dev/null || true; rm -rf "$work"' EXIT
(umask 077; echo 0123456789abcdef0123456789abcdef > "$work/secret")
"$nbiot" simulate --port 0 --device "a1B2c3D4e5F,device1,$work/secret" > "$work/log" 2>&1 &
simulator=$!
port=
for _ in $(seq 200); do
  port=$(sed -n 's/^listening.* port \([0-9]*\),.*/\1/p' "$work/log")
  [ -z "$port" ] || break
  sleep 0.05
done
[ -n "$port" ] || { cat "$work/log" >&2; fail "the simulator does not start"; }

[ $# -gt 0 ] || set -- x86_64 aarch64 armv7
for arch in "$@"; do
  case $arch in
  x86_64) debian=amd64 tuple=x86_64-linux-gnu target=$tuple run=() ;;
  aarch64) debian=arm64 tuple=aarch64-linux-gnu target=$tuple run=(qemu-aarch64) ;;
  armv7) debian=armhf tuple=arm-linux-gnueabihf target=armv7-linux-gnueabihf run=(qemu-arm) ;;
  *) fail "takes x86_64, aarch64 or armv7, not $arch" ;;
  esac
  root=$work/$arch sysroot=/ libraries=$work/$arch/usr/lib/$tuple
  for package in libnbiot-device0 libnbiot-device-dev; do
    file=.build-deb/${package}_${version}_$debian.deb
    [ -e "$file" ] || fail "$file is missing: make deb deb-aarch64 deb-armv7"
    dpkg-deb -x "$file" "$root"
  done
  if [ "$arch" != x86_64 ]; then
    sysroot=$PWD/.build-agent/sysroot-$arch
    # qemu 7.2 does not use the sysroot for the statx calls of a 32-bit loader.
    libraries+=:$sysroot/lib/$tuple:$sysroot/usr/lib/$tuple
    run+=(-L "$sysroot" -E "LD_LIBRARY_PATH=$libraries")
  fi
  variables=()
  [ "$arch" != x86_64 ] || variables=(LD_LIBRARY_PATH="$libraries")
  # The dependencies' files are the system's.
  cp "$sysroot/usr/lib/$tuple/pkgconfig/"{libcrypto,libssl}.pc "$root/usr/lib/$tuple/pkgconfig/" 2>/dev/null ||
    fail "$sysroot has no files for pkg-config of OpenSSL"
  for kind in "" --static; do
    # shellcheck disable=SC2086 # one option or none
    read -ra options <<< "$(PKG_CONFIG_LIBDIR=$root/usr/lib/$tuple/pkgconfig PKG_CONFIG_SYSROOT_DIR=$root \
      pkg-config --cflags --libs $kind nbiot-device)"
    [[ " ${options[*]} " = *" -lnbiot-device "* ]] || fail "$arch: pkg-config says: ${options[*]}"
    if [ -n "$kind" ]; then
      # As a user of the archive has it: without the shared library beside it.
      rm -f "$root/usr/lib/$tuple/"libnbiot-device.so*
    fi
    "$clang" --target="$target" --sysroot="$sysroot" -fuse-ld=lld -static-libgcc -std=c11 -Wall -Wextra -Werror -O2 \
      "$root/usr/share/doc/libnbiot-device-dev/examples/report.c" "${options[@]}" -L"$root/usr/lib/$tuple" \
      -o "$work/report" || fail "$arch $kind: the example does not build"
    state=$work/state-$arch$kind
    printf '%s\n' '{"value":1}' '{"value":2}' |
      timeout 60 env "${variables[@]}" "${run[@]}" "$work/report" a1B2c3D4e5F device1 \
        "$work/secret" "$state" 127.0.0.1 "$port" > "$work/output" 2>&1 || { cat "$work/output" >&2; fail "$arch $kind"; }
    [ "$(grep -c '^delivered .* 205 ' "$work/output")" = 2 ] || { cat "$work/output" >&2; fail "$arch $kind: not delivered"; }
    echo "  ok      $arch, ${kind:-shared}: $(stat -c %s "$work/report") bytes, $(tail -1 "$work/output")"
  done
done

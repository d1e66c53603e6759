#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Debian packages of what `make to-install` has built, in .build-deb:
#   deb.sh [x86_64|aarch64|armv7]
# For another machine than this one there are the agents and the C library, without nbiot.
set -euo pipefail
cd "$(dirname "$0")/.."

arch=${1:-x86_64}
case $arch in
x86_64) debian=amd64 ;;
aarch64) debian=arm64 ;;
armv7) debian=armhf ;;
*) echo "deb.sh: takes x86_64, aarch64 or armv7, not $arch" >&2; exit 2 ;;
esac
version=$(cat VERSION)
[ "$(sed -n '1s/.*(\(.*\)).*/\1/p' debian/changelog)" = "$version" ] ||
  { echo "deb.sh: debian/changelog is not about $version" >&2; exit 1; }
stage=.build-deb/nbiot-$version-$debian
rm -rf "$stage"
mkdir -p "$stage"
git ls-files -z -- debian packaging examples VERSION README.md docs LICENSE NOTICE CHANGELOG.md SECURITY.md Sources/CDevice |
  xargs -0 cp -a --parents -t "$stage"
for built in "$arch" "$arch-mqtt" "$arch-https" "$arch-gateway" "$arch-library" "$arch-mqtt-library" "$arch-https-library"; do
  [ -d ".build-agent/$built" ] || continue
  mkdir -p "$stage/.build-agent/$built"
  find ".build-agent/$built" -maxdepth 1 -type f ! -name '*.debug' -exec cp -a {} "$stage/.build-agent/$built/" \;
done
cp -a .build-install "$stage/"
export SOURCE_DATE_EPOCH
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
log=.build-deb/$debian.log
# debhelper reads the libraries of another machine by that machine's objdump; LLVM's reads those of any.
tuple=
case $arch in
aarch64) tuple=aarch64-linux-gnu ;;
armv7) tuple=arm-linux-gnueabihf ;;
esac
if [ -n "$tuple" ] && ! command -v "$tuple-objdump" >/dev/null; then
  resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
  mkdir -p ".build-deb/tools"
  ln -sf "$(realpath "$resources/../../bin/llvm-objdump")" ".build-deb/tools/$tuple-objdump"
  PATH=$PWD/.build-deb/tools:$PATH
fi
(cd "$stage" && ARCH=$arch dpkg-buildpackage -b -us -uc -d -a "$debian") > "$log" 2>&1 ||
  { tail -30 "$log" >&2; echo "deb.sh: dpkg-buildpackage failed: $log" >&2; exit 1; }
rm -rf "$stage"
ls -l .build-deb/*_"$debian".deb | awk '{ printf "%10d  %s\n", $5, $NF }'

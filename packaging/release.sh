#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A release of the last commit in .build-release: release.sh [DIRECTORY]; release.sh --check only says whether all is
# committed.
#   nbiot-VERSION.tar.gz            the sources, with the Package.resolved that pins the tools' dependencies
#   nbiot-agents-VERSION-ARCH.tar.gz  the agents as built, for machines that cannot build Swift; the gateway for x86_64
#   *.deb                           what make deb, deb-aarch64 and deb-armv7 have left in .build-deb
#   recipes/                        OpenWrt, Yocto and Buildroot, with the version and the checksums in place
#   SHA256SUMS
# Each file depends on the commit and on what was built, not on the time, the user or the order of a directory.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "release.sh: $1" >&2
  exit 1
}

out=${1:-.build-release}
version=$(cat VERSION)
[ -z "$(git status --porcelain)" ] || fail "there are changes that are not committed"
[ "$out" != --check ] || exit 0
[ -r Package.resolved ] || fail "there is no Package.resolved: build the tools first"
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
rm -rf "$out"
mkdir -p "$out/recipes"

# pack DIRECTORY NAME FILE: the directory under that name. The flag S leaves the targets of symbolic links as they are.
pack() {
  tar --create --directory "$1" --transform "s,^\.,$2,S" --sort=name --format=gnu \
    --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go=rX,u+rw . |
    gzip -9n > "$out/$3"
  mkdir "$staged/unpacked"
  tar --extract --file "$out/$3" --directory "$staged/unpacked"
  [ -z "$(find "$staged/unpacked" -xtype l)" ] || fail "$out/$3 has links without a target"
  rm -rf "$staged/unpacked"
}

staged=$(mktemp -d)
trap 'rm -rf "$staged"' EXIT

mkdir "$staged/source"
git archive HEAD | tar --extract --directory "$staged/source"
cp Package.resolved "$staged/source/"
pack "$staged/source" "nbiot-$version" "nbiot-$version.tar.gz"

for arch in x86_64 aarch64 armv7; do
  [ -x ".build-agent/$arch/nbiot-agent" ] || continue
  agents=$staged/$arch
  mkdir "$agents"
  for suffix in "" -symmetric -mqtt -https; do
    name=nbiot-agent${suffix#-symmetric}
    [ -x ".build-agent/$arch$suffix/$name" ] || continue
    cp ".build-agent/$arch$suffix/$name" "$agents/nbiot-agent$suffix"
  done
  cp packaging/nbiot-agent*.conf packaging/nbiot-agent*.service LICENSE NOTICE "$agents/"
  # The gateway is built for x86_64 alone.
  if [ "$arch" = x86_64 ]; then
    cp .build-agent/x86_64-gateway/nbiot-gateway packaging/nbiot-gateway.conf packaging/nbiot-gateway.service "$agents/"
  fi
  pack "$agents" "nbiot-agents-$version-$arch" "nbiot-agents-$version-$arch.tar.gz"
done

for package in .build-deb/*_"$version"_*.deb; do [ ! -e "$package" ] || cp "$package" "$out/"; done

# checksum FILE: of a file of this release, or a word that no tool takes for one.
checksum() {
  if [ -e "$out/$1" ]; then sha256sum < "$out/$1" | cut -d' ' -f1; else echo "not-in-this-release"; fi
}
for recipe in packaging/recipes/*.in; do
  name=$(basename "$recipe" .in)
  sed -e "s/@VERSION@/$version/g" \
    -e "s/@SHA256_AARCH64@/$(checksum "nbiot-agents-$version-aarch64.tar.gz")/" \
    -e "s/@SHA256_ARMV7@/$(checksum "nbiot-agents-$version-armv7.tar.gz")/" \
    -e "s/@SHA256_X86_64@/$(checksum "nbiot-agents-$version-x86_64.tar.gz")/" \
    -e "s/@SHA256_LICENSE@/$(sha256sum < LICENSE | cut -d' ' -f1)/" \
    -e "s/@MD5_LICENSE@/$(md5sum < LICENSE | cut -d' ' -f1)/" \
    "$recipe" > "$out/recipes/${name//VERSION/$version}"
done

(cd "$out" && find . -type f -printf '%P\n' | LC_ALL=C sort | xargs sha256sum) > "$staged/sums"
mv "$staged/sums" "$out/SHA256SUMS"
chmod 644 "$out/SHA256SUMS"
(cd "$out" && find . -type f -printf '%10s  %P\n' | LC_ALL=C sort -k2)

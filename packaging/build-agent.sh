#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds nbiot-agent for a device: Embedded Swift, whole-module, optimised for size, stripped.
#   build-agent.sh [x86_64|aarch64|armv7] [--symmetric-only|--mqtt|--https|--gateway] [--program DIRECTORY] [--library] [--ledger]
# writes .build-agent/ARCH/nbiot-agent and nbiot-agent.debug, the same code with symbols.
#   --symmetric-only     without DTLS, in .build-agent/ARCH-symmetric; it does not need libssl
#   --mqtt               nbiot-agent-mqtt, in .build-agent/ARCH-mqtt
#   --https              nbiot-agent-https, in .build-agent/ARCH-https
#   --gateway            nbiot-gateway, in .build-agent/ARCH-gateway
#   --ledger             the agent over CoAP counts its bytes by purpose (SIGUSR1 prints them), in
#                        .build-agent/ARCH-ledger; without it there is no room. The C library always does
#   --program DIRECTORY  another program, such as Tests/DeviceProbe, in .build-agent/ARCH-NAME
#   --library            libnbiot-device.a and .so for programs in C, with their header and an example,
#                        packaging/report.c, in .build-agent/ARCH-library; with --mqtt libnbiot-device-mqtt and
#                        packaging/listen.c, in .build-agent/ARCH-mqtt-library; with --https libnbiot-device-https and
#                        packaging/upload.c, in .build-agent/ARCH-https-library
# aarch64 and armv7 need a sysroot; `make deps-agent` creates it.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() {
  echo "build-agent.sh: $1" >&2
  exit 1
}

arch=x86_64 program= symmetric_only= ledger= mqtt= https= gateway= library=
while [ $# -gt 0 ]; do
  case $1 in
  x86_64 | aarch64 | armv7) arch=$1 ;;
  --symmetric-only) symmetric_only=1 ;;
  --ledger) ledger=1 ;;
  --mqtt) mqtt=1 ;;
  --https) https=1 ;;
  --gateway) gateway=1 ;;
  --library) library=1 ;;
  --program)
    program=${2:-}
    program=${program%/}
    shift
    ;;
  *) fail "takes [x86_64|aarch64|armv7] [--symmetric-only|--mqtt|--https|--gateway] [--program DIRECTORY] [--library] [--ledger], not $1" ;;
  esac
  shift
done
[ -z "$gateway" ] || [ -z "$library" ] || fail "there is no C library of the gateway"
suffix=${symmetric_only:+-symmetric}${mqtt:+-mqtt}${https:+-https}${gateway:+-gateway}${ledger:+-ledger}
if [ -z "$program" ]; then
  program=Sources/nbiot-agent${mqtt:+-mqtt}${https:+-https}
  [ -z "$gateway" ] || program=Sources/nbiot-gateway
  [ -z "$library" ] || program=Sources/${mqtt:+MQTT}${https:+HTTPS}DeviceLibrary suffix=$suffix-library
fi
ls "$program"/*.swift >/dev/null 2>&1 || fail "there are no sources in '$program'"
name=nbiot-agent
case $program in
Sources/nbiot-agent) ;;
Sources/nbiot-agent-mqtt) name=nbiot-agent-mqtt ;;
Sources/nbiot-agent-https) name=nbiot-agent-https ;;
Sources/nbiot-gateway) name=nbiot-gateway ;;
Sources/DeviceLibrary | Sources/MQTTDeviceLibrary | Sources/HTTPSDeviceLibrary) name=$(basename "$program") ;;
*) name=$(basename "$program") suffix=$suffix-$name ;;
esac
out=.build-agent/$arch$suffix

# The linker must come from the toolchain that wrote the bitcode: another LLVM may be too old to read it.
command -v swiftc >/dev/null ||
  fail "swiftc is missing: Swift 6.3 or later, https://www.swift.org/install"
resources=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1/p')
tools=$(realpath "$resources/../../bin")
for tool in swiftc clang ld.lld llvm-objcopy llvm-nm; do
  [ -x "$tools/$tool" ] || fail "$tool is missing in $tools: it belongs to Swift's toolchain"
done
for tool in readelf size; do
  command -v "$tool" >/dev/null || fail "$tool is missing: make deps-agent"
done

# For Arm, Swift provides the Embedded standard library only for machines without an operating system. So the modules
# are compiled for such a machine, with Linux's headers, and linked for Linux. Swift takes the calling convention and
# instructions of armv7 from clang's options: those of Debian's armhf (ARMv7-A with VFPv3-D16, without Neon), and
# Thumb-2, which is a third smaller. Files have 64-bit offsets and inode numbers; without these, fstat fails on some
# file systems. Time has the width used in Debian 12's OpenSSL, which takes a struct timeval: 32 bits on armv7.
sysroot=.build-agent/sysroot-$arch
case $arch in
x86_64)
  [ "$(uname -m)" = x86_64 ] || fail "x86_64 is built on an x86_64 machine only"
  # C functions are called through the table filled in by the loader, without a stub for each: this saves 370 bytes in
  # the smallest program, 1,600 in one with DTLS. On Arm it is larger, or not supported. A function that writes below
  # its stack pointer cannot load small numbers by push and pop.
  target=(-target x86_64-unknown-linux-gnu -Xcc -fno-plt -Xcc -mno-red-zone)
  link=(--target=x86_64-unknown-linux-gnu)
  ;;
aarch64)
  tuple=aarch64-linux-gnu
  # Without an operating system clang keeps a frame pointer in each function that calls another: 1,360 bytes.
  target=(-target aarch64-none-none-elf -Xcc -fomit-frame-pointer)
  ;;
armv7)
  tuple=arm-linux-gnueabihf
  target=(-target armv7-none-none-eabi -Xcc -mthumb -Xcc -mfloat-abi=hard -Xcc -mfpu=vfpv3-d16)
  target+=(-Xcc -D_FILE_OFFSET_BITS=64)
  ;;
esac
if [ "$arch" != x86_64 ]; then
  [ -f "$sysroot/made-of" ] || fail "$sysroot is missing: make deps-agent"
  target+=(
    -Xcc -D__linux__ -Xcc -D__unix__
    -Xcc -isystem -Xcc "$sysroot/usr/include/$tuple" -Xcc -isystem -Xcc "$sysroot/usr/include"
  )
  link=(--target="${tuple/#arm-/armv7-}" --sysroot="$PWD/$sysroot")
fi

# The settings of the device's targets come from Package.swift. An unknown setting is an error, so that this build is
# never laxer than SwiftPM's.
settings=()
while read -r line; do
  value=$(sed -n 's/.*"\(.*\)".*/\1/p' <<< "$line")
  case $line in
  '.swiftLanguageMode(.v6),') settings+=(-swift-version 6) ;;
  '.strictMemorySafety(),') settings+=(-strict-memory-safety) ;;
  '.treatAllWarnings(as: .error),') settings+=(-warnings-as-errors) ;;
  '.enableExperimentalFeature('*) settings+=(-enable-experimental-feature "$value") ;;
  '.enableUpcomingFeature('*) settings+=(-enable-upcoming-feature "$value") ;;
  *) fail "what does Package.swift's setting '$line' mean to swiftc?" ;;
  esac
done < <(sed -n '/^let strict/,/^]/p' Package.swift | sed '1d;$d;s/^ *//')
[ ${#settings[@]} -gt 4 ] || fail "Package.swift has no 'let strict' any more"

# Modules that are left out of this program, although its modules name them: their importers use `#if MQTT`, `#if HTTPS`,
# `#if GATEWAY` and `#if !SYMMETRIC_ONLY`. The gateway has requests over HTTPS and no reports.
case $name in
nbiot-gateway) absent=" HTTPSLink " ;;
nbiot-agent-mqtt | MQTTDeviceLibrary)
  absent=" HTTPSChannel HTTPSLink MQTTAuthentication GatewayLink GatewaySessions "
  ;;
nbiot-agent-https | HTTPSDeviceLibrary)
  absent=" MQTTChannel MQTTLink MQTTAuthentication GatewayLink GatewaySessions "
  ;;
*) absent=" MQTTChannel MQTTLink HTTPSChannel HTTPSLink MQTTAuthentication GatewayLink GatewaySessions " ;;
esac
[ -z "$symmetric_only" ] || absent+="DTLSSecurity EitherSecurity "

# The program's modules: its imports and theirs, each after the modules that it imports.
modules=() libraries=() visited=' '
folder() { # the directory of a module's sources
  if [ -d "Sources/$1" ]; then echo "Sources/$1"; else echo "Tests/$1"; fi
}
imports() { # the modules that the sources of a folder import; a folder of two modules is a link in one
  find -L "$1" -name '*.swift' -exec cat {} + |
    sed -nE 's/^ *((public|package|internal|private) )?import ([A-Za-z0-9_]+).*/\3/p' | LC_ALL=C sort -u
}
visit() {
  local module=$1 directory import
  [[ $visited != *" $module "* ]] || return 0
  visited+="$module "
  [[ $absent != *" $module "* ]] || return 0
  case $module in Swift | Synchronization) return 0 ;; esac
  directory=$(folder "$module")
  if [ -f "$directory/module.modulemap" ]; then
    read -ra found <<< "$(sed -n 's/^ *link "\(.*\)"/-l\1/p' "$directory/module.modulemap" | tr '\n' ' ')"
    libraries+=("${found[@]}")
  else
    [ -d "$directory" ] || fail "the module $module is neither in Sources nor in Tests"
    for import in $(imports "$directory"); do visit "$import"; done
    modules+=("$module")
  fi
}
for import in $(imports "$program"); do visit "$import"; done

# All programs of an architecture share the modules, except those that --symmetric-only changes.
shared=.build-agent/$arch/modules own=$out/modules
# Bitcode is for the linker of one toolchain; a library is for any.
bitcode=(-lto=llvm-full)
[ -z "$library" ] || shared=$own bitcode=() ledger=1
[ -z "$ledger" ] || shared=$own
# What neither the agent nor the C library lets its user set is a constant: see docs/architecture.md. The programs of
# Tests set it.
fixed=(-D DEVICE_ONLY)
case $name in
# Their outbox takes payloads of at most 1,024 bytes.
nbiot-agent | nbiot-agent-mqtt | DeviceLibrary | MQTTDeviceLibrary) fixed+=(-D SMALL_REPORTS) ;;
nbiot-agent-https | HTTPSDeviceLibrary) shared=$own ;;
# It has what SMALL leaves out and a gateway needs, and sets what the others do not.
nbiot-gateway) shared=$own fixed=(-D SMALL_REPORTS -D GATEWAY) ;;
*) shared=$own fixed=(-D SMALL_REPORTS) ;;
esac
[ -z "$ledger" ] || fixed+=(-D LEDGER)
common=(
  "${target[@]}" "${settings[@]}" -enable-experimental-feature Embedded -D Embedded -D SWIFT_PACKAGE -D SMALL
  "${fixed[@]}"
  # Traps that may be merged have one place in a function: 3 KB of the agent. Unrolled loops and
  # functions made anew for each closure are for speed. Nothing unwinds the stack: the C functions that
  # are compiled along need no tables for it (400 bytes on x86_64), and the program no index of them.
  -wmo -Osize "${bitcode[@]}" -Xfrontend -function-sections -Xfrontend -mergeable-traps
  -Xllvm -sil-disable-pass=loop-unroll -Xllvm -sil-disable-pass=closure-specialize
  -package-name nbiot_coap -Xcc -fno-asynchronous-unwind-tables
  -module-cache-path .build-agent/cache
)
for map in Sources/*/module.modulemap; do common+=(-Xcc "-fmodule-map-file=$map"); done

# A module is recompiled when one of its inputs has changed: the settings, the compiler, the C headers, its sources, or
# a module that it imports. File times are unreliable, for example after `git checkout`.
mkdir -p "$shared" "$own"
declare -A keys
objects=()
ground=$(
  {
    printf '%s\n' "${common[@]}"
    "$tools/swiftc" --version 2>&1
    cat Sources/*/module.modulemap Sources/*/*.h
    cat "$sysroot/made-of" 2>/dev/null ||
      dpkg-query -W -f '${Package} ${Version}\n' libc6-dev libssl-dev libcbor-dev 2>/dev/null || true
  } | sha256sum
)
compile() { # MODULE FOLDER SCRATCH OPTION…
  local module=$1 directory=$2 scratch=$3 import key sources=()
  shift 3
  mapfile -t sources < <(find -L "$directory" -name '*.swift' | LC_ALL=C sort)
  key=$(
    {
      echo "$ground $module $*"
      for import in $(imports "$directory"); do echo "$import ${keys[$import]:-}"; done
      sha256sum "${sources[@]}"
    } | sha256sum
  )
  keys[$module]=$key
  objects+=("$scratch/$module.o")
  [ "$(cat "$scratch/$module.key" 2>/dev/null)" != "$key" ] || return 0
  rm -f "$scratch/$module".*
  echo "$arch: $module"
  "$tools/swiftc" "${common[@]}" -I "$own" -I "$shared" -module-name "$module" "$@" \
    -c -o "$scratch/$module.o" "${sources[@]}"
  echo "$key" > "$scratch/$module.key"
}
for module in "${modules[@]}"; do
  options=(-parse-as-library -emit-module -emit-module-path) scratch=$shared
  # As in `conditions` of Package.swift; GATEWAY is in `fixed`.
  conditions=()
  case $module in
  MQTTAgent | GatewayAgent) conditions=(-D MQTT) ;;
  HTTPSAgent) conditions=(-D HTTPS) ;;
  esac
  case $symmetric_only$module in 1Agent | 1DeviceDriver) scratch=$own conditions=(-D SYMMETRIC_ONLY) ;; esac
  options+=("$scratch/$module.swiftmodule" "${conditions[@]}")
  compile "$module" "$(folder "$module")" "$scratch" "${options[@]}"
done
options=()
[ -z "$symmetric_only" ] || options+=(-D SYMMETRIC_ONLY)
[ "$name" != MQTTDeviceLibrary ] || options+=(-D MQTT)
[ "$name" != HTTPSDeviceLibrary ] || options+=(-D HTTPS)
# Only a file of this name may contain top-level statements.
[ -f "$program/main.swift" ] || options+=(-parse-as-library)
compile "${name//-/_}" "$program" "$own" "${options[@]}"

if [ -n "$library" ]; then
  archive=$out/libnbiot-device${mqtt:+-mqtt}${https:+-https}.a example=report
  [ -z "$mqtt" ] || example=listen
  [ -z "$https" ] || example=upload
  rm -f "$archive"
  "$tools/llvm-ar" rcs "$archive" "${objects[@]}"
  cp Sources/CDevice/nbiot_device.h "$out/"
  # The same for programs that load it: nothing but the header's functions can be seen.
  shared_object=${archive%.a}.so.$(cat VERSION) soname=$(basename "${archive%.a}").so.$(cut -d. -f1 VERSION)
  echo '{ global: nbiot_*; IOT_Sign_MQTT; local: *; };' > "$own/exports"
  rm -f "${archive%.a}".so.*
  "$tools/clang" "${link[@]}" -shared -static-libgcc -fuse-ld=lld -o "$shared_object" "-Wl,-soname,$soname" \
    "-Wl,--version-script=$own/exports" -Wl,--gc-sections -Wl,--icf=all -Wl,--as-needed -Wl,-z,relro -Wl,-z,now \
    -Wl,-z,noexecstack -Wl,-z,defs "${objects[@]}" "${libraries[@]}"
  "$tools/llvm-objcopy" --strip-all "$shared_object"
  echo "$arch: linking $out/$example, from packaging/$example.c"
  "$tools/clang" "${link[@]}" -std=c11 -Wall -Wextra -Werror -Os -I "$out" -c -o "$own/$example.o" \
    "packaging/$example.c"
  "$tools/clang" "${link[@]}" -static-libgcc -fuse-ld=lld -o "$out/$example" "$own/$example.o" "$archive" \
    -Wl,--gc-sections -Wl,--icf=all -Wl,--as-needed "${libraries[@]}"
  # As below; what the example calls itself is its own affair.
  unknown=$("$tools/llvm-nm" -D --undefined-only -j "$out/$example" | sed 's/@.*//' |
    { grep -vxFf <("$tools/llvm-nm" --undefined-only -j "$own/$example.o") || true; } |
    { grep -vxFf <(cat "packaging/symbols${mqtt:+-mqtt}${https:+-https}.txt" packaging/symbols-library.txt | grep -v '^#') || true; } |
    xargs)
  [ -z "$unknown" ] || fail "the library calls functions that are not in packaging/symbols-library.txt: $unknown"
  "$tools/llvm-objcopy" --strip-all "$out/$example"
  echo "$archive: $(stat -c %s "$archive") bytes; $shared_object: $(stat -c %s "$shared_object"); $out/$example, stripped: $(stat -c %s "$out/$example")"
  exit
fi

# Scrt1.o is the only start file needed: since glibc 2.34 the C library does the work of the others, and a program
# without constructors, exceptions and C++ does not use crtbeginS.o. All protections stay: the program is
# position-independent, and the data filled in by the loader becomes read-only. The modules' own optimisation runs
# before the linker's over the whole program: 2 to 3 per cent smaller.
# Of Scrt1.o remain the instructions: neither its note of the oldest kernel nor its unwind table is used, and its section
# is not aligned for speed (130 bytes and a program header).
start=("$own/start.o")
"$tools/llvm-objcopy" --remove-section=.eh_frame --remove-section='.note.[Ag]*' --wildcard \
  --set-section-alignment=.text=4 "$("$tools/clang" "${link[@]}" -print-file-name=Scrt1.o)" "$own/start.o"
# The check of the stack is the one function that would be called by a stub, because LLVM itself inserts the call.
# A declaration as -fno-plt makes them, kept without a use, leaves out the stub and its tables: 60 bytes.
if [ "$arch" = x86_64 ]; then
  start+=("$own/guard.o")
  "$tools/clang" "${link[@]}" -flto=full -x ir -c -o "$own/guard.o" - <<'END'
target triple = "x86_64-unknown-linux-gnu"
declare void @__stack_chk_fail() nonlazybind noreturn
@llvm.compiler.used = appending global [1 x ptr] [ptr @__stack_chk_fail], section "llvm.metadata"
END
fi
link+=(
  -nostartfiles "${start[@]}" -static-libgcc
  -flto=full -fuse-ld=lld -pie -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
  -Wl,--gc-sections -Wl,--icf=all -Wl,--as-needed -Wl,--no-eh-frame-hdr
  -Xlinker '--lto-newpm-passes=default<Oz>,lto<Oz>' -Wl,-mllvm,-enable-machine-outliner=always
  -Wl,-mllvm,-enable-pre=false -Wl,-mllvm,-disable-lsr -Wl,-mllvm,-split-spill-mode=size
  # Blocks in the order that needs the fewest jumps: 1,300 bytes on x86_64. Instructions as they were selected, so
  # that the outliner finds more that are alike: 1,300 on aarch64. Constants loaded where they are used: 350.
  -Wl,-mllvm,-apply-ext-tsp-for-size -Wl,-mllvm,-enable-post-misched=false -Wl,-mllvm,-disable-machine-licm
  # Nothing kept in a register over a loop for speed, no tables for few cases, shared ends of branches, also short
  # ones, and what both branches begin with: 350.
  -Wl,-mllvm,-disable-licm-promotion -Wl,-mllvm,-min-jump-table-entries=6 -Wl,-mllvm,-bonus-inst-threshold=3
  -Wl,-mllvm,-enable-gvn-hoist -Wl,-mllvm,-tail-merge-size=2
)
# Likewise before registers are assigned: 400 bytes there, while x86_64 would grow. A second round of the outliner, which
# shares what the functions made by the first have in common, and the order of the older scheduler: 230 more.
[ "$arch" != aarch64 ] ||
  link+=(-Wl,-mllvm,-enable-misched=false -Wl,-mllvm,-machine-outliner-reruns=1 -Wl,-mllvm,-pre-RA-sched=list-burr)
# To compute a value again is shorter than to keep it over calls: 160 bytes on x86_64.
[ "$arch" != x86_64 ] || link+=(-Wl,-mllvm,-disable-machine-cse)
# Constants stand beside the code that reads them: 150 bytes.
[ "$arch" != armv7 ] || link+=(-Wl,-mllvm,-arm-promote-constant)
echo "$arch: linking $out/$name"
"$tools/clang" "${link[@]}" -o "$out/$name.debug" "${objects[@]}" "${libraries[@]}"
# The loader does not need the section table; the .debug file has the same bytes with it.
"$tools/llvm-objcopy" --strip-all --strip-sections "$out/$name.debug" "$out/$name.new"

# The device's imports must be on a list, so that no C function that allocates, prints or needs another file comes in
# unnoticed.
undefined=$("$tools/llvm-nm" -D --undefined-only -j "$out/$name.debug")
list=packaging/symbols.txt
[ "$name" != nbiot-agent-mqtt ] || list=packaging/symbols-mqtt.txt
[ "$name" != nbiot-agent-https ] || list=packaging/symbols-https.txt
[ "$name" != nbiot-gateway ] || list=packaging/symbols-gateway.txt
if [[ $name = nbiot-agent* || $name = nbiot-gateway ]]; then
  unknown=$(sed 's/@.*//' <<< "$undefined" | { grep -vxFf <(grep -v '^#' "$list"; [ -z "$ledger" ] || printf "%s\n" getsockname strlen) || true; } | xargs)
  [ -z "$unknown" ] || fail "$arch calls functions that are not in $list: $unknown"
fi
mv "$out/$name.new" "$out/$name"

needed=$(readelf -dW "$out/$name" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | xargs)
libc=$(sed -n 's/.*@GLIBC_//p' <<< "$undefined" | sort -V | tail -1)
size -B "$out/$name.debug" | awk -v file="$(stat -c %s "$out/$name")" -v name="$out/$name" '
  NR == 2 { printf "%s: %d bytes; text %d, data %d, bss %d\n", name, file, $1, $2, $3 }'
echo "  needs $needed; glibc $libc or later; $(wc -l <<< "$undefined") functions of theirs"

# The agents have a budget, and one that is above it may at least not grow.
[[ $name = nbiot-agent* || $name = nbiot-gateway ]] || exit 0
[ -z "$ledger" ] || exit 0
size=$(stat -c %s "$out/$name")
read -r limit target <<< "$(sed -n "s/^$arch$suffix  *//p" packaging/sizes.txt)"
[ -n "$target" ] || fail "packaging/sizes.txt has no line for $arch$suffix"
[ "$size" -le "$limit" ] || fail "$out/$name has $size bytes, $((size - limit)) more than packaging/sizes.txt allows"
if [ "$size" -le "$target" ]; then
  echo "  within its budget of $target bytes"
else
  echo "  within $limit bytes; $((size - target)) above its budget of $target bytes"
fi

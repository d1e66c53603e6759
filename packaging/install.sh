#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what `make install` has built, or removes it:
#   install.sh [--uninstall] PREFIX [DESTDIR]
# LIBDIR is where libraries go, PREFIX/lib unless said; with ARCH=aarch64 or ARCH=armv7 the agents and libraries are those
# for that machine, and there is no nbiot.
# Configurations in /etc are not touched: examples of them go to share/doc/nbiot.
set -euo pipefail
cd "$(dirname "$0")/.."

remove=
if [ "${1:-}" = --uninstall ]; then
  remove=1
  shift
fi
prefix=${1:?PREFIX is missing}
[[ $prefix = /* ]] || { echo "install.sh: PREFIX is not an absolute path: $prefix" >&2; exit 2; }
# Without what is written in several ways: /usr/local/ is /usr/local.
prefix=$(realpath -ms "$prefix")
root=${2:-}$prefix
existing=$root
while [ ! -e "$existing" ]; do existing=$(dirname "$existing"); done
[ -w "$existing" ] || {
  echo "install.sh: $(id -un) may not write to $existing: run the same command with sudo; nothing is built again" >&2
  exit 1
}
version=$(cat VERSION)
major=${version%%.*}
libdir=${LIBDIR:-$prefix/lib}
lib=${2:-}$libdir

# put MODE FILE TARGET: installs a file, or removes it.
emptied=()
put() {
  if [ -n "$remove" ]; then
    rm -f "$3"
    emptied+=("$(dirname "$3")")
  else
    install -D -m "$1" "$2" "$3"
  fi
}
# link TO TARGET
link() {
  if [ -n "$remove" ]; then rm -f "$2"; else ln -sf "$1" "$2"; fi
}

arch=${ARCH:-x86_64}
agents=.build-agent/$arch
# nbiot is for the machine that it was built on.
tools=
[ "$arch" != x86_64 ] || tools=1
[ -z "$tools" ] || put 755 .build-install/nbiot "$root/bin/nbiot"
put 755 "$agents/nbiot-agent" "$root/bin/nbiot-agent"
put 755 "$agents-mqtt/nbiot-agent-mqtt" "$root/bin/nbiot-agent-mqtt"
names=(nbiot-agent nbiot-agent-mqtt)
# What needs libcurl is built for this machine alone.
if [ -n "$tools" ]; then
  put 755 "$agents-https/nbiot-agent-https" "$root/bin/nbiot-agent-https"
  put 755 "$agents-gateway/nbiot-gateway" "$root/bin/nbiot-gateway"
  names+=(nbiot-agent-https nbiot-gateway)
fi
[ -z "$tools" ] || put 644 .build-install/libnbiot-broker.so "$root/lib/nbiot/libnbiot-broker.so"
put 644 Sources/CDevice/nbiot_device.h "$root/include/nbiot_device.h"
# The one over HTTPS is built for x86_64 alone, as its agent is.
suffixes=('' -mqtt)
[ "$arch" != x86_64 ] || suffixes+=(-https)
for library in "${suffixes[@]/#/libnbiot-device}"; do
  built=$agents${library#libnbiot-device}-library
  put 644 "$built/$library.a" "$lib/$library.a"
  put 644 "$built/$library.so.$version" "$lib/$library.so.$version"
  link "$library.so.$version" "$lib/$library.so.$major"
  link "$library.so.$major" "$lib/$library.so"
done

# What pkg-config and CMake ask for.
generated=$(mktemp -d)
trap 'rm -rf "$generated"' EXIT
for suffix in "${suffixes[@]}"; do
  needs="libcrypto libssl" words="over CoAP" extra=
  case $suffix in
  -mqtt) words="over MQTT" extra=" -lpaho-mqtt3as" ;;
  -https) needs="libcrypto libssl libcurl" words="over HTTPS" ;;
  esac
  cat > "$generated/nbiot-device$suffix.pc" << END
prefix=$prefix
libdir=$libdir
includedir=\${prefix}/include

Name: nbiot-device$suffix
Description: A device of the Alibaba Cloud IoT platform, $words
Version: $version
Cflags: -I\${includedir}
Libs: -L\${libdir} -lnbiot-device$suffix
Requires.private: $needs
Libs.private:$extra
END
  put 644 "$generated/nbiot-device$suffix.pc" "$lib/pkgconfig/nbiot-device$suffix.pc"
done
cat > "$generated/nbiot-device-config.cmake" << END
# find_package(nbiot-device), then target_link_libraries(program nbiot::device), nbiot::device-mqtt or
# nbiot::device-https.
# Places count from this file, so that it is good within a sysroot as well; it may be found through a link, /lib.
get_filename_component(nbiot_libdir "\${CMAKE_CURRENT_LIST_DIR}/../.." REALPATH)
get_filename_component(nbiot_include "\${nbiot_libdir}/$(realpath -ms --relative-to="$libdir" "$prefix/include")" ABSOLUTE)
foreach(nbiot_suffix "" "-mqtt" "-https")
  set(nbiot_library "\${nbiot_libdir}/libnbiot-device\${nbiot_suffix}.so.$major")
  if(EXISTS "\${nbiot_library}" AND NOT TARGET nbiot::device\${nbiot_suffix})
    add_library(nbiot::device\${nbiot_suffix} SHARED IMPORTED)
    set_target_properties(nbiot::device\${nbiot_suffix} PROPERTIES
      IMPORTED_LOCATION "\${nbiot_library}"
      IMPORTED_SONAME "libnbiot-device\${nbiot_suffix}.so.$major"
      INTERFACE_INCLUDE_DIRECTORIES "\${nbiot_include}")
  endif()
endforeach()
unset(nbiot_libdir)
unset(nbiot_include)
unset(nbiot_library)
END
minor=${version#*.} minor=${minor%%.*}
cat > "$generated/nbiot-device-config-version.cmake" << END
# Until 1.0 another minor version may be another interface.
set(PACKAGE_VERSION "$version")
if(PACKAGE_FIND_VERSION VERSION_GREATER PACKAGE_VERSION
    OR NOT "\${PACKAGE_FIND_VERSION_MAJOR}.\${PACKAGE_FIND_VERSION_MINOR}" STREQUAL "$major.$minor")
  set(PACKAGE_VERSION_COMPATIBLE FALSE)
else()
  set(PACKAGE_VERSION_COMPATIBLE TRUE)
  if(PACKAGE_FIND_VERSION STREQUAL PACKAGE_VERSION)
    set(PACKAGE_VERSION_EXACT TRUE)
  endif()
endif()
END
for file in nbiot-device-config.cmake nbiot-device-config-version.cmake; do
  put 644 "$generated/$file" "$lib/cmake/nbiot-device/$file"
done

for page in .build-install/man/*; do
  [ -n "$tools" ] || [[ ${page##*.} != 1 && $page != */nbiot-agent-https.* && $page != */nbiot-gateway.* ]] || continue
  put 644 "$page" "$root/share/man/man${page##*.}/$(basename "$page")"
done
if [ -n "$tools" ]; then
  put 644 .build-install/completions/nbiot.bash "$root/share/bash-completion/completions/nbiot"
  put 644 .build-install/completions/_nbiot "$root/share/zsh/site-functions/_nbiot"
  put 644 .build-install/completions/nbiot.fish "$root/share/fish/vendor_completions.d/nbiot.fish"
fi
for name in "${names[@]}"; do
  sed "s|/usr/bin/|$prefix/bin/|" "packaging/$name.service" > "$generated/$name.service"
  put 644 "$generated/$name.service" "$root/lib/systemd/system/$name.service"
  put 644 "packaging/$name.conf" "$root/share/doc/nbiot/$name.conf"
done
# A page links only to what is installed beside it.
for file in README.md CHANGELOG.md SECURITY.md docs/*.md docs/conformance/*.md; do
  sed -E 's,\[([^]]*)\]\((\.\./)*(CONTRIBUTING|packaging|examples|Sources|Tests)[./][^)]*\),\1,g' "$file" > "$generated/page"
  put 644 "$generated/page" "$root/share/doc/nbiot/$file"
done
for file in LICENSE NOTICE docs/*.svg docs/*.png; do put 644 "$file" "$root/share/doc/nbiot/$file"; done
for file in report.c listen.c upload.c; do put 644 "packaging/$file" "$root/share/doc/nbiot/examples/$file"; done
for file in sensor-c/sensor.c sensor-c/Makefile; do put 644 "examples/$file" "$root/share/doc/nbiot/examples/$file"; done
put 755 examples/shell/load.sh "$root/share/doc/nbiot/examples/shell/load.sh"

if [ -n "$remove" ]; then
  # What is empty now and has our name.
  for directory in "$root/share/doc/nbiot/examples/"{sensor-c,shell} "$root/share/doc/nbiot/examples" "$root/share/doc/nbiot/docs/conformance" "$root/share/doc/nbiot/docs" \
    "$root/share/doc/nbiot" "$root/lib/nbiot" "$lib/cmake/nbiot-device"; do
    [ ! -d "$directory" ] || rmdir --ignore-fail-on-non-empty "$directory"
  done
  # In a prefix of its own also its directories that are empty now; the prefix itself stays.
  case $prefix in
  / | /usr | /usr/local | /opt | "${HOME:-/}" | "${HOME:-/}/.local") ;;
  *)
    for directory in "${emptied[@]}"; do
      while [[ $directory != "$root" && $directory/ = "$root"/* ]] && { [ ! -d "$directory" ] || rmdir "$directory" 2>/dev/null; }; do
        directory=$(dirname "$directory")
      done
    done
    ;;
  esac
  echo "removed from $root"
else
  echo "installed in $root:"
  for file in ${tools:+bin/nbiot} "${names[@]/#/bin/}"; do
    printf '  %-34s %10d bytes\n' "$file" "$(stat -c %s "$root/$file")"
  done
  for library in "${suffixes[@]/#/libnbiot-device}"; do
    for file in "$library.so.$version" "$library.a"; do
      printf '  %-34s %10d bytes\n' "${libdir#"$prefix/"}/$file" "$(stat -c %s "$lib/$file")"
    done
  done
fi

#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The version has one place, the file VERSION; what is compiled has it as a literal:
#   version.sh             writes it there
#   version.sh --check     fails where it is another one
set -euo pipefail
cd "$(dirname "$0")/.."
version=$(cat VERSION)
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+$ ]] || { echo "version.sh: VERSION is not MAJOR.MINOR.PATCH: $version" >&2; exit 1; }

wrong=0
# literal FILE PATTERN: the pattern has the version as its second group, and stands once in the file.
literal() {
  if [ -z "$check" ]; then
    sed -Ei "s/$2/\1$version\3/" "$1"
  elif [ "$(sed -nE "s/.*$2.*/\2/p" "$1")" != "$version" ]; then
    echo "$1: its version is not $version; run packaging/version.sh" >&2
    wrong=1
  fi
}
check=
[ "${1:-}" != --check ] || check=1
literal Sources/nbiot/Nbiot.swift '(^    version: ")([0-9.]+)(",)'
literal Sources/Agent/Help.swift '(versionText: StaticString = "nbiot-agent )([0-9.]+)(\\n")'
literal Sources/MQTTAgent/Help.swift '(versionText: StaticString = "nbiot-agent-mqtt )([0-9.]+)(\\n")'
literal Sources/HTTPSAgent/Help.swift '(versionText: StaticString = "nbiot-agent-https )([0-9.]+)(\\n")'
literal Sources/GatewayAgent/Help.swift '(versionText: StaticString = "nbiot-gateway )([0-9.]+)(\\n")'
literal Sources/CDevice/nbiot_device.h '(#define NBIOT_VERSION ")([0-9.]+)(")'
literal Sources/DeviceLibrary/Shared/Version.swift '(let text: StaticString = ")([0-9.]+)(\\0")'
exit $wrong

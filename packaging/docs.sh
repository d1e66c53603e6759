#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The pages of DocC for the library products in .build-docs: docs.sh. Any warning fails. The modules are those of
# .build/debug, which `make` builds.
set -euo pipefail
cd "$(dirname "$0")/.."
graphs=.build-docs/graphs
rm -rf .build-docs
mkdir -p "$graphs"
maps=()
for map in Sources/*/module.modulemap; do maps+=(-Xcc "-fmodule-map-file=$PWD/$map"); done
# Those whose types the device's products show; the simulator's are for the tools.
modules="Alink CBORPayload CoAPExchange CoAPLink CoAPMessage ConstrainedCore DTLSSecurity DeviceClient DeviceDriver
  DeviceStore DurableReports EitherSecurity GatewayConfiguration GatewayLink GatewaySessions HTTPSChannel HTTPSLayer
  HTTPSLink HTTPSTransfer MQTTAuthentication MQTTChannel MQTTLayer MQTTLink OpenSSLSupport PayloadCoding Platform
  PlatformCoAP PlatformCredentials PlatformHTTPS PlatformMQTT ReportLink SecurityLayer SymmetricSecurity SystemClocks
  TrafficLedger UDPTransport"
triple=$(swift -print-target-info | sed -n 's/^ *"triple": "\(.*\)",/\1/p' | head -1)
for module in $modules; do
  swift symbolgraph-extract -module-name "$module" -target "$triple" -I .build/debug/Modules "${maps[@]}" \
    -minimum-access-level public -skip-inherited-docs -output-dir "$graphs"
done
docc convert docs/nbiot.docc --additional-symbol-graph-dir "$graphs" --warnings-as-errors \
  --fallback-display-name nbiot-coap --fallback-bundle-identifier nbiot-coap --output-dir .build-docs/site
echo "$(wc -w <<< "$modules") modules, $(find .build-docs/site/data -name '*.json' | wc -l) pages in .build-docs/site"

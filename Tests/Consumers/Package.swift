// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

// Programs of another package, each with one product of this one and nothing else: what the product's API needs
// comes with it. `make consumers` builds them as a user would who asks for no tools, so that the simulator's are not
// among them; `make house` compares the lists of all products with the import lines.

func consumer(_ name: String, of product: String) -> Target {
  .executableTarget(
    name: name,
    dependencies: [.product(name: product, package: "nbiot-coap")],
    path: name,
    swiftSettings: [
      .swiftLanguageMode(.v6), .strictMemorySafety(),
      .enableUpcomingFeature("MemberImportVisibility"),
    ]
  )
}

let package = Package(
  name: "consumers",
  dependencies: [.package(name: "nbiot-coap", path: "../..", traits: [])],
  targets: [
    consumer("consume-message", of: "CoAPMessage"),
    consumer("consume-exchange", of: "CoAPExchange"),
    consumer("consume-link", of: "CoAPLink"),
    consumer("consume-durable", of: "DurableReports"),
    consumer("consume-signing", of: "PlatformSigning"),
    consumer("consume-cbor", of: "CBORPayload"),
    consumer("consume-client", of: "DeviceClient"),
    consumer("consume-transfer", of: "HTTPSTransfer"),
    consumer("consume-inspection", of: "Inspection"),
    consumer("consume-sessions", of: "GatewaySessions"),
    consumer("consume-configuration", of: "GatewayConfiguration"),
  ]
)

// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

func example(_ name: String, of products: String...) -> Target {
  .executableTarget(
    name: name,
    dependencies: products.map { .product(name: $0, package: "nbiot-coap") },
    path: name,
    swiftSettings: [.enableUpcomingFeature("MemberImportVisibility")]
  )
}

let package = Package(
  name: "examples",
  dependencies: [.package(name: "nbiot-coap", path: "..", traits: [])],
  targets: [
    example("sensor-swift", of: "DeviceClient"),
    example("gateway", of: "DeviceClient"),
    example("upgrade", of: "DeviceClient", "HTTPSTransfer"),
  ]
)

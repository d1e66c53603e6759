// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
import PackageDescription

/// The settings of the package that is measured.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
  .enableExperimentalFeature("Lifetimes"),
  .enableExperimentalFeature("AddressableParameters"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
]

/// Warnings are errors; valgrind 3.19 gives up on a program with clang's default, DWARF 5.
let strictC: [CSetting] = [
  .treatAllWarnings(as: .error), .enableWarning("all"), .unsafeFlags(["-gdwarf-4"]),
]

let package = Package(
  name: "Benchmarks",
  products: [
    .executable(name: "codec-contender", targets: ["codec-contender"]),
    .executable(name: "floor-contender", targets: ["floor-contender"]),
    .executable(name: "libcoap-contender", targets: ["libcoap-contender"]),
    .executable(name: "libcoap-server", targets: ["libcoap-server"]),
    .executable(name: "handshake-contender", targets: ["handshake-contender"]),
    .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
  ],
  dependencies: [.package(name: "nbiot-coap", path: "..", traits: [])],
  targets: [
    .target(name: "CContender", cSettings: strictC),
    .target(name: "AllocationCounter", cSettings: strictC),
    .systemLibrary(
      name: "CLibCoAP",
      providers: [.apt(["libcoap3-dev"])]
    ),
    .executableTarget(
      name: "floor-contender",
      dependencies: ["CContender"],
      cSettings: strictC
    ),
    .executableTarget(
      name: "libcoap-contender",
      dependencies: ["CContender", "CLibCoAP"],
      cSettings: strictC,
      linkerSettings: [.linkedLibrary(":libcoap-3-notls.a")]
    ),
    .executableTarget(
      name: "libcoap-server",
      dependencies: ["CLibCoAP"],
      cSettings: strictC,
      linkerSettings: [
        .linkedLibrary(":libcoap-3-openssl.a"), .linkedLibrary("ssl"), .linkedLibrary("crypto"),
      ]
    ),
    .executableTarget(
      name: "codec-contender",
      dependencies: ["CContender", .product(name: "CoAPMessage", package: "nbiot-coap")],
      swiftSettings: strict
    ),
    .executableTarget(
      name: "handshake-contender",
      dependencies: [
        .product(name: "CoAPExchange", package: "nbiot-coap"),
        .product(name: "CoAPLink", package: "nbiot-coap"),
      ],
      swiftSettings: strict
    ),
  ]
)

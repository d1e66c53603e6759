// swift-tools-version: 6.2
import PackageDescription

/// Settings of every target: what the compiler can refuse, it refuses.
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

/// Settings of what runs on the device (tiers 0 to 2): these targets compile in both builds.
let device: [SwiftSetting] =
  strict + [.enableExperimentalFeature("Embedded", .when(traits: ["Embedded"]))]

let tools: TargetDependencyCondition? = .when(traits: ["Tools"])

let package = Package(
  name: "nbiot-coap",
  products: [
    .library(name: "CoAPMessage", targets: ["CoAPMessage"]),
    .library(
      name: "CoAPExchange",
      targets: ["CoAPExchange", "CoAPMessage", "ConstrainedCore", "UDPTransport"]
    ),
    .library(
      name: "DeviceSession",
      targets: [
        "DeviceSession", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "Alink",
        "AliyunIoT", "PayloadCoding", "CoAPMessage", "ConstrainedCore", "UDPTransport",
      ]
    ),
    // Apart, for it needs libcbor.
    .library(name: "CBORPayload", targets: ["CBORPayload"]),
    .library(
      name: "DeviceClient",
      targets: [
        "DeviceClient", "DeviceSession", "DeviceStore", "Alink", "AliyunIoT", "PayloadCoding",
        "CBORPayload", "CoAPMessage", "ConstrainedCore",
      ]
    ),
    .library(name: "PlatformSimulator", targets: ["PlatformSimulator"]),
    .library(name: "Inspection", targets: ["Inspection", "PacketCapture"]),
    .library(name: "HTTPSTransfer", targets: ["HTTPSTransfer"]),
    .executable(name: "nbiot", targets: ["nbiot"]),
    // For the package Tests/Fuzzing alone.
    .library(name: "FuzzEntries", targets: ["FuzzEntries"]),
  ],
  traits: [
    .trait(
      name: "Embedded",
      description: "Builds tiers 0 to 2 as Embedded Swift, without the Swift runtime."
    ),
    .trait(
      name: "Tools",
      description: "The simulator and the command line, with the packages that only they need."
    ),
    .default(enabledTraits: ["Tools"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: [
    .target(name: "ConstrainedCore", swiftSettings: device),
    .target(name: "CoAPMessage", dependencies: ["ConstrainedCore"], swiftSettings: device),
    .target(name: "PayloadCoding", dependencies: ["ConstrainedCore"], swiftSettings: device),
    .target(
      name: "CoAPExchange",
      dependencies: ["ConstrainedCore", "CoAPMessage"],
      swiftSettings: device
    ),
    .target(name: "CoAPSecurity", dependencies: ["ConstrainedCore"], swiftSettings: device),
    .target(
      name: "AliyunIoT",
      dependencies: ["ConstrainedCore", "CoAPMessage", "PayloadCoding"],
      swiftSettings: device
    ),
    .target(
      name: "Alink",
      dependencies: ["ConstrainedCore", "CoAPMessage", "PayloadCoding", "AliyunIoT"],
      swiftSettings: device
    ),
    .systemLibrary(
      name: "COpenSSL",
      pkgConfig: "openssl",
      providers: [.apt(["libssl-dev"])]
    ),
    .systemLibrary(name: "CPOSIX"),
    .systemLibrary(
      name: "CLibCBOR",
      pkgConfig: "libcbor",
      providers: [.apt(["libcbor-dev"])]
    ),
    .systemLibrary(
      name: "CPcap",
      pkgConfig: "libpcap",
      providers: [.apt(["libpcap-dev"])]
    ),
    .systemLibrary(
      name: "CCurl",
      pkgConfig: "libcurl",
      providers: [.apt(["libcurl4-openssl-dev"])]
    ),
    .target(
      name: "OpenSSLSupport",
      dependencies: ["ConstrainedCore", "COpenSSL"],
      swiftSettings: device
    ),
    .target(
      name: "SymmetricSecurity",
      dependencies: ["ConstrainedCore", "CoAPSecurity", "OpenSSLSupport"],
      swiftSettings: device
    ),
    .target(
      name: "DTLSSecurity",
      dependencies: ["ConstrainedCore", "CoAPSecurity", "CoAPExchange", "OpenSSLSupport"],
      swiftSettings: device
    ),
    .target(
      name: "EitherSecurity",
      dependencies: ["ConstrainedCore", "CoAPSecurity", "SymmetricSecurity", "DTLSSecurity"],
      swiftSettings: device
    ),
    .target(
      name: "DeviceSession",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CoAPSecurity", "CoAPExchange",
        "AliyunIoT", "Alink", "OpenSSLSupport", "UDPTransport", "DeviceStore",
      ],
      swiftSettings: device
    ),
    .target(
      name: "UDPTransport",
      dependencies: ["ConstrainedCore", "CPOSIX"],
      swiftSettings: device
    ),
    .target(
      name: "DeviceStore",
      dependencies: ["ConstrainedCore", "CPOSIX"],
      swiftSettings: device
    ),
    .target(
      name: "DeviceClient",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CoAPSecurity", "AliyunIoT", "Alink",
        "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "CBORPayload", "UDPTransport",
        "DeviceSession", "DeviceStore",
      ],
      swiftSettings: strict
    ),
    .target(
      name: "PlatformSimulator",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CBORPayload", "OpenSSLSupport",
        .product(name: "NIOCore", package: "swift-nio", condition: tools),
        .product(name: "NIOPosix", package: "swift-nio", condition: tools),
      ],
      swiftSettings: strict
    ),
    .target(
      name: "CBORPayload",
      dependencies: ["ConstrainedCore", "PayloadCoding", "CLibCBOR"],
      swiftSettings: device
    ),
    .target(
      name: "HTTPSTransfer",
      dependencies: ["ConstrainedCore", "AliyunIoT", "OpenSSLSupport", "CCurl"],
      swiftSettings: strict
    ),
    .target(name: "PacketCapture", dependencies: ["CPcap"], swiftSettings: strict),
    .target(
      name: "Inspection",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CoAPSecurity", "OpenSSLSupport",
        "SymmetricSecurity", "AliyunIoT", "CBORPayload", "PacketCapture",
      ],
      swiftSettings: strict
    ),
    .executableTarget(
      name: "nbiot",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "PayloadCoding", "AliyunIoT", "Alink",
        "OpenSSLSupport", "UDPTransport", "DeviceSession", "DeviceStore", "DeviceClient",
        "PlatformSimulator", "CoAPSecurity", "DTLSSecurity", "CBORPayload", "PacketCapture",
        "Inspection",
        "HTTPSTransfer", "Agent",
        .product(name: "ArgumentParser", package: "swift-argument-parser", condition: tools),
        .product(name: "NIOCore", package: "swift-nio", condition: tools),
      ],
      swiftSettings: strict
    ),
    .target(
      name: "Agent",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CoAPSecurity", "CoAPExchange",
        "AliyunIoT", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity",
        "CBORPayload", "UDPTransport", "DeviceStore", "DeviceSession", "CPOSIX",
      ],
      swiftSettings: device
    ),
    .systemLibrary(name: "CDevice"),
    .target(
      name: "DeviceLibrary",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPSecurity", "CoAPExchange", "AliyunIoT",
        "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "UDPTransport",
        "DeviceStore", "DeviceSession", "CDevice",
      ],
      swiftSettings: device
    ),
    // On a device it is built as Embedded Swift, by packaging/build-agent.sh.
    .executableTarget(
      name: "nbiot-agent",
      dependencies: ["Agent", "CPOSIX"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "CoAPMessageTests",
      dependencies: ["ConstrainedCore", "CoAPMessage", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "PayloadCodingTests",
      dependencies: ["ConstrainedCore", "PayloadCoding", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "CoAPExchangeTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "FuzzEntries", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "InteroperabilityTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "CoAPSecurity", "OpenSSLSupport",
        "DTLSSecurity", "UDPTransport", "TestSupport",
      ],
      exclude: ["plugtest_server.py", "set-up.sh", "DTLS/certificates.sh"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "AliyunIoTTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "AliyunIoT", "OpenSSLSupport",
        "CBORPayload", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "OpenSSLSupportTests",
      dependencies: ["ConstrainedCore", "OpenSSLSupport", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "AlinkTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CBORPayload", "AliyunIoT",
        "OpenSSLSupport", "Alink", "TestSupport",
      ],
      resources: [.copy("Resources/guide")],
      swiftSettings: strict
    ),
    .testTarget(
      name: "SymmetricSecurityTests",
      dependencies: [
        "ConstrainedCore", "CoAPSecurity", "OpenSSLSupport", "SymmetricSecurity", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "DTLSSecurityTests",
      dependencies: [
        "ConstrainedCore", "CoAPSecurity", "CoAPExchange", "OpenSSLSupport", "DTLSSecurity",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "DeviceSessionTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "PayloadCoding", "AliyunIoT", "Alink",
        "CBORPayload",
        "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "CoAPSecurity",
        "DeviceSession", "DeviceStore", "PlatformSimulator", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "DeviceStoreTests",
      dependencies: ["ConstrainedCore", "DeviceStore", "FileRecorder", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "DeviceClientTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "CoAPSecurity", "AliyunIoT", "Alink",
        "CBORPayload", "PayloadCoding",
        "OpenSSLSupport", "DTLSSecurity", "DeviceSession", "DeviceStore", "DeviceClient",
        "PlatformSimulator",
        "UDPTransport", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "PlatformSimulatorTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPSecurity", "OpenSSLSupport", "DTLSSecurity",
        "PlatformSimulator", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "CBORPayloadTests",
      dependencies: ["ConstrainedCore", "PayloadCoding", "CBORPayload", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "PacketCaptureTests",
      dependencies: ["PacketCapture", "TestSupport"],
      swiftSettings: strict
    ),
    .testTarget(
      name: "InspectionTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPSecurity", "Inspection", "PacketCapture",
        "SymmetricSecurity", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "HTTPSTransferTests",
      dependencies: ["AliyunIoT", "HTTPSTransfer", "nbiot", "PlatformSimulator", "TestSupport"],
      exclude: ["certificates.sh"],
      resources: [.copy("https_server.py")],
      swiftSettings: strict
    ),
    .testTarget(
      name: "AgentTests",
      dependencies: [
        "Agent", "nbiot-agent", "CoAPMessage", "CoAPSecurity", "ConstrainedCore", "DeviceSession",
        "OpenSSLSupport", "PlatformSimulator", "TestSupport",
      ],
      resources: [.copy("faults.c")],
      swiftSettings: strict
    ),
    .testTarget(
      name: "nbiotTests",
      dependencies: [
        "nbiot", "CoAPMessage", "ConstrainedCore", "OpenSSLSupport", "PlatformSimulator",
        "UDPTransport", "TestSupport",
      ],
      resources: [.copy("README.md"), .copy("address-change.sh")],
      swiftSettings: strict
    ),
    // Compiles and runs what README.md and nbiot_device.h show, against these as they are built.
    .testTarget(
      name: "SnippetTests",
      dependencies: [
        "nbiot", "nbiot-agent", "DeviceClient", "HTTPSTransfer", "DeviceLibrary", "CoAPMessage",
        "TestSupport",
      ],
      resources: [.copy("stand-ins")],
      swiftSettings: strict
    ),
    .target(
      name: "ProbeDevice",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPSecurity", "PayloadCoding", "AliyunIoT", "Alink",
        "CBORPayload", "OpenSSLSupport",
        "SymmetricSecurity", "DTLSSecurity", "UDPTransport", "DeviceSession", "CPOSIX",
      ],
      path: "Tests/ProbeDevice",
      exclude: ["allocations.sh", "waiting.sh"],
      swiftSettings: device
    ),
    .executableTarget(
      name: "device-probe",
      dependencies: ["ProbeDevice", "CPOSIX"],
      path: "Tests/DeviceProbe",
      swiftSettings: device
    ),
    .executableTarget(
      name: "dtls-probe",
      dependencies: ["ProbeDevice", "CPOSIX"],
      path: "Tests/DTLSProbe",
      swiftSettings: device
    ),
    .executableTarget(
      name: "things-probe",
      dependencies: ["ProbeDevice", "CPOSIX"],
      path: "Tests/ThingsProbe",
      swiftSettings: device
    ),
    .executableTarget(
      name: "ordinary-probe",
      dependencies: ["ProbeDevice", "CPOSIX"],
      path: "Tests/OrdinaryProbe",
      swiftSettings: strict
    ),
    .target(
      name: "Tier0Proof",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CoAPSecurity", "CoAPExchange",
        "AliyunIoT", "Alink",
      ],
      path: "Tests/Tier0Proof",
      swiftSettings: device
    ),
    .target(
      name: "FuzzEntries",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPSecurity", "CoAPExchange", "PayloadCoding",
        "AliyunIoT", "Alink", "OpenSSLSupport", "DTLSSecurity", "CBORPayload", "PacketCapture",
        "Inspection",
      ],
      path: "Tests/Fuzzing/Entries",
      swiftSettings: strict
    ),
    .executableTarget(
      name: "dtls-exercise",
      dependencies: ["FuzzEntries"],
      path: "Tests/DTLSExercise",
      swiftSettings: strict
    ),
    .testTarget(
      name: "FuzzReplayTests",
      dependencies: ["FuzzEntries"],
      path: "Tests/Fuzzing/Replay",
      swiftSettings: strict
    ),
    // Records what DeviceStoreTests write, and makes it fail.
    .target(name: "FileRecorder", path: "Tests/FileRecorder"),
    .target(
      name: "TestSupport",
      dependencies: ["ConstrainedCore"],
      path: "Tests/TestSupport",
      resources: [
        .copy("Resources/coap-messages.json"), .copy("Resources/surroundings.c"),
      ],
      swiftSettings: strict
    ),
  ]
)

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
    // Each with the modules whose types its API has.
    .library(name: "CoAPMessage", targets: ["CoAPMessage", "ConstrainedCore"]),
    .library(
      name: "CoAPExchange",
      targets: [
        "CoAPExchange", "CoAPMessage", "ConstrainedCore", "UDPTransport", "SystemClocks",
      ]
    ),
    .library(
      name: "CoAPLink",
      targets: [
        "CoAPLink", "ReportLink", "DeviceDriver", "SymmetricSecurity", "DTLSSecurity",
        "EitherSecurity", "SecurityLayer", "OpenSSLSupport", "PlatformCredentials", "CoAPExchange",
        "Alink", "PlatformCoAP", "Platform", "PayloadCoding", "CoAPMessage", "ConstrainedCore",
        "UDPTransport", "DeviceStore", "SystemClocks",
      ]
    ),
    .library(
      name: "DurableReports",
      targets: [
        "DurableReports", "DeviceDriver", "CoAPLink", "ReportLink", "DeviceStore",
        "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "SecurityLayer", "OpenSSLSupport",
        "PlatformCredentials", "CoAPExchange", "PlatformCoAP", "Platform", "CoAPMessage",
        "ConstrainedCore", "UDPTransport", "SystemClocks",
      ]
    ),
    .library(
      name: "PlatformSigning",
      targets: [
        "Platform", "PlatformMQTT", "PlatformHTTPS", "PlatformCredentials", "OpenSSLSupport",
        "ConstrainedCore",
      ]
    ),
    // Apart, because it needs libcbor.
    .library(name: "CBORPayload", targets: ["CBORPayload", "PayloadCoding", "ConstrainedCore"]),
    .library(
      name: "DeviceClient",
      targets: [
        "DeviceClient", "CoAPLink", "ReportLink", "DeviceStore", "DTLSSecurity", "SecurityLayer",
        "CoAPExchange", "Alink", "PlatformCoAP", "PlatformMQTT", "Platform", "PlatformCredentials",
        "PayloadCoding", "CBORPayload", "CoAPMessage", "ConstrainedCore", "UDPTransport",
        "OpenSSLSupport", "MQTTLink", "MQTTLayer", "MQTTChannel", "MQTTAuthentication", "HTTPSLink",
        "HTTPSLayer",
        "HTTPSChannel", "PlatformHTTPS", "GatewayLink", "GatewaySessions", "DurableReports",
      ]
    ),
    .library(
      name: "PlatformSimulator",
      targets: [
        "PlatformSimulator", "PlatformCore", "PayloadValues", "PayloadCoding", "OpenSSLSupport",
        "CoAPMessage", "ConstrainedCore",
      ]
    ),
    .library(
      name: "PlatformBroker",
      targets: ["PlatformBroker", "PlatformSimulator", "PlatformCore", "ConstrainedCore"]
    ),
    .library(
      name: "PlatformWebServer",
      targets: ["PlatformWebServer", "PlatformSimulator", "PlatformCore", "ConstrainedCore"]
    ),
    // Loaded by mosquitto; without mosquitto-dev it is built empty.
    .library(name: "nbiot-broker", type: .dynamic, targets: ["BrokerPlugin"]),
    // For the tests of the C library over MQTT and HTTPS: all of its kinds define the same functions, and the tests are
    // one program. A device's is made by packaging/build-agent.sh.
    .library(name: "nbiot-device-mqtt", type: .static, targets: ["MQTTDeviceLibrary"]),
    .library(name: "nbiot-device-https", type: .static, targets: ["HTTPSDeviceLibrary"]),
    .library(name: "Inspection", targets: ["Inspection", "PacketCapture"]),
    .library(
      name: "GatewaySessions",
      targets: ["GatewaySessions", "Platform", "OpenSSLSupport", "ConstrainedCore"]
    ),
    .library(
      name: "GatewayConfiguration",
      targets: ["GatewayConfiguration", "PlatformCredentials", "PayloadCoding", "ConstrainedCore"]
    ),
    .library(name: "HTTPSTransfer", targets: ["HTTPSTransfer"]),
    .executable(name: "nbiot", targets: ["nbiot"]),
    .executable(name: "nbiot-demo", targets: ["nbiot-demo"]),
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
    .target(name: "SecurityLayer", dependencies: ["ConstrainedCore"], swiftSettings: device),
    .target(
      name: "MQTTLayer",
      dependencies: ["ConstrainedCore", "HTTPSLayer"],
      swiftSettings: device
    ),
    .target(name: "HTTPSLayer", dependencies: ["ConstrainedCore"], swiftSettings: device),
    .target(
      name: "HTTPSChannel",
      dependencies: ["ConstrainedCore", "HTTPSLayer", "OpenSSLSupport", "CCurl"],
      swiftSettings: device
    ),
    .target(
      name: "MQTTChannel",
      dependencies: ["ConstrainedCore", "MQTTLayer", "CPaho"],
      swiftSettings: device
    ),
    .target(
      name: "Platform",
      dependencies: ["ConstrainedCore", "PayloadCoding"],
      swiftSettings: device
    ),
    .target(
      name: "PlatformCoAP",
      dependencies: ["ConstrainedCore", "CoAPMessage", "PayloadCoding", "Platform"],
      swiftSettings: device
    ),
    .target(
      name: "PlatformMQTT",
      dependencies: ["ConstrainedCore", "PayloadCoding", "Platform"],
      swiftSettings: device
    ),
    .target(
      name: "PlatformHTTPS",
      dependencies: ["ConstrainedCore", "PayloadCoding", "Platform"],
      swiftSettings: device
    ),
    .target(
      name: "Alink",
      dependencies: ["ConstrainedCore", "PayloadCoding", "Platform"],
      swiftSettings: device
    ),
    .systemLibrary(
      name: "COpenSSL",
      pkgConfig: "openssl",
      providers: [.apt(["libssl-dev"])]
    ),
    .systemLibrary(name: "CPOSIX"),
    .systemLibrary(name: "CDirectory"),
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
    // It has no description for pkg-config; its header and library are where the compiler looks anyway.
    .systemLibrary(name: "CPaho", providers: [.apt(["libpaho-mqtt-dev"])]),
    .target(
      name: "OpenSSLSupport",
      dependencies: ["ConstrainedCore", "COpenSSL"],
      swiftSettings: device
    ),
    .target(
      name: "SymmetricSecurity",
      dependencies: ["ConstrainedCore", "SecurityLayer", "OpenSSLSupport"],
      swiftSettings: device
    ),
    .target(
      name: "DTLSSecurity",
      dependencies: ["ConstrainedCore", "SecurityLayer", "CoAPExchange", "OpenSSLSupport"],
      swiftSettings: device
    ),
    .target(
      name: "EitherSecurity",
      dependencies: ["ConstrainedCore", "SecurityLayer", "SymmetricSecurity", "DTLSSecurity"],
      swiftSettings: device
    ),
    .target(
      name: "PlatformCredentials",
      dependencies: ["ConstrainedCore", "SecurityLayer", "Platform", "OpenSSLSupport"],
      swiftSettings: device
    ),
    .target(
      name: "ReportLink",
      dependencies: ["ConstrainedCore", "DeviceStore"],
      swiftSettings: device
    ),
    .target(
      name: "CoAPLink",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange",
        "Platform", "PlatformCoAP", "Alink", "OpenSSLSupport", "PlatformCredentials", "DeviceStore",
        "ReportLink",
      ],
      swiftSettings: device
    ),
    .target(
      name: "MQTTLink",
      dependencies: [
        "ConstrainedCore", "MQTTLayer", "SecurityLayer", "PayloadCoding", "Platform",
        "PlatformMQTT", "Alink", "OpenSSLSupport", "PlatformCredentials", "DeviceStore",
        "ReportLink",
      ],
      swiftSettings: device
    ),
    // The sessions of a gateway's sub-devices.
    .target(
      name: "GatewaySessions",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "SecurityLayer", "Platform", "Alink",
        "OpenSSLSupport", "PlatformCredentials",
      ],
      swiftSettings: device
    ),
    // These over the gateway's connection, with its reports and theirs.
    .target(
      name: "GatewayLink",
      dependencies: [
        "ConstrainedCore", "MQTTLayer", "OpenSSLSupport", "Platform", "PayloadCoding", "Alink",
        "DeviceStore", "ReportLink", "MQTTLink", "GatewaySessions",
      ],
      swiftSettings: device
    ),
    // MQTT whose user name and password come from an authentication over HTTPS.
    .target(
      name: "MQTTAuthentication",
      dependencies: [
        "ConstrainedCore", "MQTTLayer", "HTTPSLayer", "SecurityLayer", "Platform", "PlatformHTTPS",
        "PlatformCredentials", "OpenSSLSupport",
      ],
      swiftSettings: device
    ),
    .target(
      name: "HTTPSLink",
      dependencies: [
        "ConstrainedCore", "HTTPSLayer", "SecurityLayer", "Platform", "PlatformHTTPS",
        "OpenSSLSupport", "PlatformCredentials", "DeviceStore", "ReportLink",
      ],
      swiftSettings: device
    ),
    .target(
      name: "DurableReports",
      dependencies: ["ConstrainedCore", "Platform", "DeviceStore", "ReportLink"],
      swiftSettings: device
    ),
    .target(
      name: "DeviceDownlinks",
      dependencies: ["ConstrainedCore", "Platform", "Alink", "ReportLink"],
      swiftSettings: device
    ),
    .target(
      name: "DeviceDriver",
      dependencies: [
        "ConstrainedCore", "SecurityLayer", "Platform", "OpenSSLSupport", "PlatformCredentials",
        "DTLSSecurity", "UDPTransport", "SystemClocks", "ReportLink", "CoAPLink", "DurableReports",
      ],
      swiftSettings: device
    ),
    .target(
      name: "SystemClocks",
      dependencies: ["ConstrainedCore", "CPOSIX"],
      swiftSettings: device
    ),
    .target(
      name: "UDPTransport",
      dependencies: ["ConstrainedCore", "SystemClocks", "CPOSIX"],
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
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "Platform",
        "PlatformCoAP", "Alink", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity",
        "CBORPayload", "UDPTransport", "CoAPLink", "ReportLink", "DurableReports", "DeviceDriver",
        "PlatformCredentials", "DeviceStore", "SystemClocks", "MQTTLayer", "MQTTLink",
        "MQTTChannel", "PlatformMQTT", "DeviceDownlinks", "HTTPSLayer", "HTTPSLink", "HTTPSChannel",
        "PlatformHTTPS",
        "MQTTAuthentication", "GatewaySessions", "GatewayLink",
      ]
    ),
    // What the platform decides, whatever protocol a device comes in by; PlatformSimulator is its front for CoAP.
    .target(
      name: "PlatformCore",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "CBORPayload", "PayloadValues", "OpenSSLSupport",
      ]
    ),
    .target(
      name: "PlatformSimulator",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CBORPayload", "PayloadValues",
        "OpenSSLSupport", "PlatformCore",
        .product(name: "NIOCore", package: "swift-nio", condition: tools),
        .product(name: "NIOPosix", package: "swift-nio", condition: tools),
      ]
    ),
    // The core's front for MQTT: mosquitto, and what its plugin asks.
    .target(
      name: "PlatformBroker",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "PayloadValues", "PlatformCore", "PlatformSimulator",
        .product(name: "NIOCore", package: "swift-nio", condition: tools),
        .product(name: "NIOPosix", package: "swift-nio", condition: tools),
      ]
    ),
    // The core's front for HTTPS.
    .target(
      name: "PlatformWebServer",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "PayloadValues", "OpenSSLSupport", "PlatformCore",
        "PlatformSimulator", .product(name: "NIOCore", package: "swift-nio", condition: tools),
        .product(name: "NIOPosix", package: "swift-nio", condition: tools),
        .product(name: "NIOHTTP1", package: "swift-nio", condition: tools),
      ]
    ),
    .target(name: "BrokerPlugin"),
    .target(
      name: "CBORPayload",
      dependencies: ["ConstrainedCore", "PayloadCoding", "CLibCBOR"],
      swiftSettings: device
    ),
    .target(
      name: "PayloadValues",
      dependencies: ["ConstrainedCore", "PayloadCoding", "CBORPayload"]
    ),
    // The file that says how a gateway reaches its sub-devices.
    .target(
      name: "GatewayConfiguration",
      dependencies: ["ConstrainedCore", "PayloadCoding", "Platform", "PlatformCredentials"]
    ),
    .target(
      name: "HTTPSTransfer",
      dependencies: ["ConstrainedCore", "Platform", "OpenSSLSupport", "SystemClocks", "CCurl"]
    ),
    .target(name: "PacketCapture", dependencies: ["CPcap"]),
    .target(
      name: "Inspection",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "OpenSSLSupport",
        "SymmetricSecurity", "Platform", "PlatformCoAP", "CBORPayload", "PacketCapture",
      ]
    ),
    // What a datagram costs on an NB-IoT radio, and what a report costs a device.
    .target(
      name: "RadioModel",
      dependencies: ["ConstrainedCore", "PayloadCoding"]
    ),
    .target(
      name: "EnergyEstimate",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "SecurityLayer", "Platform",
        "PlatformCoAP", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity",
        "DeviceDriver", "ReportLink", "CoAPLink", "DeviceClient", "PlatformCore",
        "PlatformSimulator", "PlatformBroker", "PlatformWebServer", "PlatformMQTT", "SystemClocks",
        "RadioModel",
      ]
    ),
    // What `nbiot demo` runs, with a program of its own, so that `make demo` builds nothing else.
    .target(
      name: "Demonstration",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "OpenSSLSupport", "CoAPLink", "DeviceClient",
        "PlatformCore", "PlatformSimulator",
      ]
    ),
    .executableTarget(name: "nbiot-demo", dependencies: ["Demonstration"]),
    .executableTarget(
      name: "nbiot",
      dependencies: [
        "Demonstration", "PlatformCore",
        "PayloadValues",
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "PayloadCoding", "Platform",
        "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink",
        "OpenSSLSupport", "UDPTransport", "CoAPLink", "ReportLink", "PlatformCredentials",
        "DeviceStore", "DeviceClient", "MQTTLayer", "MQTTLink", "HTTPSLayer", "HTTPSLink",
        "SystemClocks",
        "PlatformSimulator", "PlatformBroker", "PlatformWebServer", "SecurityLayer", "DTLSSecurity",
        "CBORPayload",
        "PacketCapture", "Inspection",
        "HTTPSTransfer", "GatewayConfiguration", "Agent", "MQTTAgent", "HTTPSAgent", "RadioModel",
        "EnergyEstimate", "GatewayLink", "GatewaySessions", "DurableReports",
        .product(name: "ArgumentParser", package: "swift-argument-parser", condition: tools),
        .product(name: "NIOCore", package: "swift-nio", condition: tools),
      ]
    ),
    .target(
      name: "Agent",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange",
        "Platform", "PlatformCoAP", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity",
        "EitherSecurity", "CBORPayload", "UDPTransport", "DeviceStore", "CoAPLink",
        "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CPOSIX",
      ],
      swiftSettings: device
    ),
    // The same source over MQTT: Shared is a link to the folder of Agent.
    .target(
      name: "MQTTAgent",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "Alink", "OpenSSLSupport",
        "CBORPayload", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel", "MQTTLink",
        "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials", "SystemClocks",
        "CPOSIX",
      ],
      swiftSettings: device + [.define("MQTT")]
    ),
    // The same source over HTTPS.
    .target(
      name: "HTTPSAgent",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "Platform", "PlatformHTTPS", "OpenSSLSupport",
        "CBORPayload", "DeviceStore", "ReportLink", "HTTPSLayer", "HTTPSChannel", "HTTPSLink",
        "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CPOSIX",
      ],
      swiftSettings: device + [.define("HTTPS")]
    ),
    // The agent over MQTT with what a gateway has besides: Connected is a link to that folder of MQTTAgent.
    .target(
      name: "GatewayAgent",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "PlatformHTTPS", "Alink",
        "OpenSSLSupport", "CBORPayload", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel",
        "MQTTLink", "MQTTAuthentication", "HTTPSLayer", "HTTPSChannel", "GatewaySessions",
        "GatewayLink", "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials",
        "SystemClocks", "CPOSIX",
        "CDirectory",
      ],
      swiftSettings: device + [.define("MQTT"), .define("GATEWAY")]
    ),
    .systemLibrary(name: "CDevice"),
    .target(
      name: "DeviceLibrary",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "SecurityLayer", "CoAPExchange", "Platform",
        "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "UDPTransport",
        "DeviceStore", "CoAPLink", "DurableReports", "DeviceDriver", "PlatformCredentials",
        "PlatformMQTT", "SystemClocks", "CDevice",
      ],
      swiftSettings: device
    ),
    // The same source over MQTT: Shared is a link to the folder of DeviceLibrary.
    .target(
      name: "MQTTDeviceLibrary",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "SecurityLayer", "Platform", "PlatformMQTT", "Alink",
        "OpenSSLSupport", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel", "MQTTLink",
        "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials", "SystemClocks",
        "CDevice",
      ],
      swiftSettings: device + [.define("MQTT")]
    ),
    // The same over HTTPS.
    .target(
      name: "HTTPSDeviceLibrary",
      dependencies: [
        "ConstrainedCore", "SecurityLayer", "Platform", "PlatformHTTPS", "PlatformMQTT",
        "OpenSSLSupport", "DeviceStore", "ReportLink", "HTTPSLayer", "HTTPSChannel", "HTTPSLink",
        "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CDevice",
      ],
      swiftSettings: device + [.define("HTTPS")]
    ),
    // On a device it is built as Embedded Swift, by packaging/build-agent.sh.
    .executableTarget(name: "nbiot-agent", dependencies: ["Agent"]),
    .executableTarget(name: "nbiot-agent-mqtt", dependencies: ["MQTTAgent"]),
    .executableTarget(name: "nbiot-agent-https", dependencies: ["HTTPSAgent"]),
    .executableTarget(name: "nbiot-gateway", dependencies: ["GatewayAgent"]),
    .testTarget(
      name: "CoAPMessageTests",
      dependencies: ["ConstrainedCore", "CoAPMessage", "TestSupport"]
    ),
    .testTarget(
      name: "PayloadCodingTests",
      dependencies: ["ConstrainedCore", "PayloadCoding", "TestSupport"]
    ),
    .testTarget(
      name: "CoAPExchangeTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "FuzzEntries", "TestSupport",
      ]
    ),
    .testTarget(
      name: "SizeTests",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "CBORPayload", "CoAPExchange", "Platform", "Alink",
        "OpenSSLSupport", "SymmetricSecurity", "EitherSecurity", "DeviceStore", "CoAPLink",
        "DurableReports", "Agent", "CDevice", "DeviceLibrary", "MQTTChannel", "MQTTLink",
        "HTTPSChannel", "HTTPSLink", "TestSupport",
      ]
    ),
    .testTarget(
      name: "InteroperabilityTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "CoAPExchange", "SecurityLayer", "OpenSSLSupport",
        "DTLSSecurity", "UDPTransport", "SystemClocks", "TestSupport",
      ],
      exclude: ["plugtest_server.py", "set-up.sh", "DTLS/certificates.sh"]
    ),
    .testTarget(
      name: "PlatformTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "Platform", "PlatformCoAP",
        "PlatformHTTPS", "PlatformMQTT", "OpenSSLSupport", "CBORPayload", "TestSupport",
      ]
    ),
    .testTarget(
      name: "PlatformMQTTTests",
      dependencies: ["ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "TestSupport"]
    ),
    // A broker and a scripted server for the tests of MQTT.
    .target(name: "MQTTPeers", dependencies: ["TestSupport"], path: "Tests/MQTTPeers"),
    .testTarget(
      name: "MQTTClientTests",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "Alink", "CoAPLink",
        "MQTTLayer", "MQTTLink", "DeviceClient", "MQTTPeers", "TestSupport",
      ]
    ),
    .testTarget(
      name: "MQTTChannelTests",
      dependencies: ["ConstrainedCore", "MQTTLayer", "MQTTChannel", "MQTTPeers", "TestSupport"]
    ),
    // HTTPS servers that behave as they should, and those that do not.
    .target(
      name: "HTTPSPeers",
      dependencies: ["TestSupport"],
      path: "Tests/HTTPSPeers",
      resources: [.copy("Resources/https_peer.py")]
    ),
    .testTarget(
      name: "HTTPSChannelTests",
      dependencies: ["ConstrainedCore", "HTTPSLayer", "HTTPSChannel", "HTTPSPeers", "TestSupport"]
    ),
    // A durable device for the tests of links over one descriptor.
    .target(
      name: "DurableWorld",
      dependencies: [
        "ConstrainedCore", "Platform", "OpenSSLSupport", "ReportLink", "DurableReports",
        "DeviceDriver", "DeviceStore", "SystemClocks",
      ],
      path: "Tests/DurableWorld"
    ),
    .testTarget(
      name: "HTTPSLinkTests",
      dependencies: [
        "ConstrainedCore", "Platform", "PlatformHTTPS", "OpenSSLSupport", "HTTPSLayer",
        "HTTPSChannel", "HTTPSLink", "ReportLink", "DurableReports", "DeviceDriver", "DeviceStore",
        "SystemClocks", "DurableWorld", "HTTPSPeers", "TestSupport",
      ]
    ),
    .testTarget(name: "DeviceLibraryTests", dependencies: ["CDevice", "DeviceLibrary"]),
    .testTarget(
      name: "MQTTLinkTests",
      dependencies: [
        "ConstrainedCore", "Platform", "PlatformMQTT", "OpenSSLSupport",
        "MQTTLayer", "MQTTChannel", "MQTTLink", "MQTTAuthentication", "HTTPSLayer", "ReportLink",
        "DurableReports", "DeviceDriver",
        "DeviceStore", "SystemClocks", "UDPTransport", "DurableWorld", "MQTTPeers", "TestSupport",
      ]
    ),
    .testTarget(
      name: "DeviceDownlinksTests",
      dependencies: [
        "ConstrainedCore", "Platform", "Alink", "ReportLink", "DeviceDownlinks", "TestSupport",
      ]
    ),
    .testTarget(
      name: "OpenSSLSupportTests",
      dependencies: ["ConstrainedCore", "OpenSSLSupport", "TestSupport"]
    ),
    .testTarget(
      name: "AlinkTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CBORPayload", "Platform",
        "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "OpenSSLSupport", "Alink", "TestSupport",
      ],
      resources: [.copy("Resources/guide")]
    ),
    .testTarget(
      name: "SymmetricSecurityTests",
      dependencies: [
        "ConstrainedCore", "SecurityLayer", "OpenSSLSupport", "SymmetricSecurity", "TestSupport",
      ]
    ),
    .testTarget(
      name: "DTLSSecurityTests",
      dependencies: [
        "ConstrainedCore", "SecurityLayer", "CoAPExchange", "OpenSSLSupport", "DTLSSecurity",
      ]
    ),
    .testTarget(
      name: "CoAPLinkTests",
      dependencies: [
        "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "CoAPExchange",
        "PayloadCoding", "Platform", "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink",
        "CBORPayload", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity",
        "SecurityLayer", "CoAPLink", "ReportLink", "DurableReports", "DeviceDriver",
        "PlatformCredentials", "DeviceStore", "PlatformSimulator", "FileRecorder", "TestSupport",
      ]
    ),
    .testTarget(
      name: "DeviceStoreTests",
      dependencies: [
        "ConstrainedCore", "DeviceStore", "SystemClocks", "Platform", "ReportLink",
        "DurableReports", "FileRecorder", "TestSupport",
      ]
    ),
    .testTarget(
      name: "DeviceClientTests",
      dependencies: [
        "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "CoAPExchange",
        "SecurityLayer", "Platform", "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink",
        "CBORPayload", "PayloadCoding", "OpenSSLSupport", "DTLSSecurity", "CoAPLink", "ReportLink",
        "DurableReports", "DeviceDriver", "PlatformCredentials", "DeviceStore", "DeviceClient",
        "HTTPSLink", "PlatformSimulator", "HTTPSPeers", "UDPTransport", "TestSupport",
        "HTTPSChannel", "HTTPSLayer",
      ]
    ),
    .testTarget(
      name: "PlatformSimulatorTests",
      dependencies: [
        "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "SecurityLayer",
        "OpenSSLSupport", "DTLSSecurity", "PlatformSimulator", "PlatformBroker",
        "PlatformWebServer", "TestSupport",
      ]
    ),
    .testTarget(
      name: "PlatformCoreTests",
      dependencies: [
        "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "TestSupport",
      ]
    ),
    .testTarget(
      name: "PlatformBrokerTests",
      dependencies: [
        "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "PlatformBroker",
        "TestSupport",
      ]
    ),
    .testTarget(
      name: "PlatformWebServerTests",
      dependencies: [
        "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "PlatformSimulator",
        "PlatformWebServer", "TestSupport",
      ]
    ),
    .testTarget(
      name: "PayloadValuesTests",
      dependencies: ["CBORPayload", "PayloadCoding", "PayloadValues", "TestSupport"]
    ),
    .testTarget(
      name: "GatewayConfigurationTests",
      dependencies: [
        "ConstrainedCore", "PayloadCoding", "PlatformCredentials", "GatewayConfiguration",
        "TestSupport",
      ]
    ),
    .testTarget(
      name: "GatewaySessionsTests",
      dependencies: [
        "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "Platform", "PlatformCore",
        "PlatformBroker", "GatewaySessions", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "GatewayLinkTests",
      dependencies: [
        "ConstrainedCore", "OpenSSLSupport", "Platform", "DeviceStore", "ReportLink", "MQTTLayer",
        "MQTTLink", "DurableReports", "PlatformCore", "PlatformBroker", "PayloadValues",
        "GatewaySessions", "GatewayLink", "TestSupport",
      ],
      swiftSettings: strict
    ),
    .testTarget(
      name: "CBORPayloadTests",
      dependencies: ["ConstrainedCore", "PayloadCoding", "CBORPayload", "TestSupport"]
    ),
    .testTarget(
      name: "RadioModelTests",
      dependencies: ["ConstrainedCore", "RadioModel", "TestSupport"]
    ),
    .testTarget(
      name: "EnergyEstimateTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "RadioModel", "EnergyEstimate", "TestSupport",
      ],
      resources: [.copy("Resources")]
    ),
    .testTarget(name: "PacketCaptureTests", dependencies: ["PacketCapture", "TestSupport"]),
    .testTarget(
      name: "InspectionTests",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "SecurityLayer", "Inspection", "PacketCapture",
        "SymmetricSecurity", "TestSupport",
      ]
    ),
    .testTarget(
      name: "HTTPSTransferTests",
      dependencies: [
        "PlatformCore", "PayloadValues", "Platform", "PlatformCoAP", "PlatformHTTPS",
        "PlatformMQTT", "HTTPSTransfer", "nbiot", "PlatformSimulator", "TestSupport",
      ],
      exclude: ["certificates.sh"],
      resources: [.copy("https_server.py")]
    ),
    .testTarget(
      name: "AgentTests",
      dependencies: [
        "PlatformCore", "Agent", "nbiot-agent", "CoAPMessage", "SecurityLayer", "ConstrainedCore",
        "CoAPLink", "ReportLink", "DurableReports", "DeviceDriver", "PlatformCredentials",
        "OpenSSLSupport", "PlatformSimulator", "TestSupport",
      ],
      resources: [.copy("faults.c")]
    ),
    .testTarget(
      name: "MQTTAgentTests",
      dependencies: ["nbiot", "nbiot-agent-mqtt", "MQTTAgent", "MQTTPeers", "TestSupport"],
      resources: [.copy("README.md")]
    ),
    .testTarget(
      name: "HTTPSAgentTests",
      dependencies: [
        "nbiot-agent-https", "HTTPSAgent", "ConstrainedCore", "OpenSSLSupport", "HTTPSPeers",
        "TestSupport",
      ],
      resources: [.copy("README.md")]
    ),
    // Its helpers are a link to those of MQTTAgentTests.
    .testTarget(
      name: "GatewayAgentTests",
      dependencies: [
        "nbiot", "nbiot-gateway", "GatewayAgent", "Alink", "ConstrainedCore", "PayloadCoding",
        "Platform", "MQTTPeers", "TestSupport",
      ],
      resources: [.copy("README.md")],
      swiftSettings: strict + [.define("GATEWAY")]
    ),
    .testTarget(
      name: "nbiotTests",
      dependencies: [
        "nbiot", "CoAPMessage", "ConstrainedCore", "OpenSSLSupport", "PlatformCore",
        "PlatformSimulator", "UDPTransport", "SystemClocks", "MQTTPeers", "HTTPSPeers",
        "TestSupport",
      ],
      resources: [.copy("README.md"), .copy("address-change.sh")]
    ),
    // Compiles and runs what README.md and nbiot_device.h show, against these as they are built.
    .testTarget(
      name: "SnippetTests",
      dependencies: [
        "nbiot", "nbiot-agent", "DeviceClient", "HTTPSTransfer", "DeviceLibrary", "CoAPMessage",
        "ConstrainedCore", "OpenSSLSupport", "MQTTPeers", "HTTPSPeers", "TestSupport",
      ],
      resources: [.copy("stand-ins")]
    ),
    .target(
      name: "ProbeDevice",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "SecurityLayer", "PayloadCoding", "Platform",
        "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink", "CBORPayload", "OpenSSLSupport",
        "SymmetricSecurity", "DTLSSecurity", "UDPTransport", "CoAPLink", "ReportLink",
        "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CPOSIX",
      ],
      path: "Tests/ProbeDevice",
      exclude: ["allocations.sh", "downlinks.c", "downlinks.py", "downlinks.sh", "waiting.sh"],
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
      path: "Tests/OrdinaryProbe"
    ),
    .target(
      name: "Tier0Proof",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange",
        "Platform", "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink",
      ],
      path: "Tests/Tier0Proof",
      swiftSettings: device
    ),
    .target(
      name: "FuzzEntries",
      dependencies: [
        "ConstrainedCore", "CoAPMessage", "SecurityLayer", "CoAPExchange", "PayloadCoding",
        "Platform", "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink", "OpenSSLSupport",
        "DTLSSecurity", "CBORPayload", "PacketCapture", "Inspection",
      ],
      path: "Tests/Fuzzing/Entries"
    ),
    .executableTarget(
      name: "mqtt-throughput",
      dependencies: [
        "ConstrainedCore", "DeviceDriver", "DeviceStore", "DurableReports", "MQTTChannel",
        "MQTTLink", "OpenSSLSupport", "Platform", "SystemClocks",
      ],
      path: "Tests/MQTTThroughput"
    ),
    .executableTarget(
      name: "dtls-exercise",
      dependencies: ["FuzzEntries"],
      path: "Tests/DTLSExercise"
    ),
    .testTarget(
      name: "FuzzReplayTests",
      dependencies: ["FuzzEntries"],
      path: "Tests/Fuzzing/Replay"
    ),
    // Records what DeviceStoreTests write, and makes it fail.
    .target(name: "FileRecorder", path: "Tests/FileRecorder"),
    .target(
      name: "TestSupport",
      dependencies: ["ConstrainedCore"],
      path: "Tests/TestSupport",
      resources: [
        .copy("Resources/coap-messages.json"), .copy("Resources/surroundings.c"),
        .copy("Resources/mqtt_client.py"),
      ]
    ),
  ]
)

// A target that names no settings has those of every target.
for target in package.targets where target.swiftSettings == nil {
  switch target.type {
  case .regular, .executable, .test: target.swiftSettings = strict
  default: break
  }
}

// What the fuzzers call is no product but for the package Tests/Fuzzing, whose run.sh asks for it.
if Context.environment["NBIOT_FUZZ"] != nil {
  package.products.append(.library(name: "FuzzEntries", targets: ["FuzzEntries"]))
}

// `make test-small` builds only the tests that it runs, and what these need.
if let tests = Context.environment["NBIOT_TESTS"] {
  var needed: Set<String> = []
  var open = tests.split(separator: " ").map(String.init)
  while let name = open.popLast() {
    guard needed.insert(name).inserted else { continue }
    let target = package.targets.first { $0.name == name }
    for case .byNameItem(let dependency, _) in target?.dependencies ?? [] {
      open.append(dependency)
    }
  }
  package.targets.removeAll { !needed.contains($0.name) }
  package.products.removeAll()
}

// swift-tools-version: 6.2
// SPDX-License-Identifier: Apache-2.0
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

/// Settings of what runs on the device: rows `bytes` to `driving` of docs/architecture.md, the agents and the C library.
///
/// These targets compile in both builds.
let device: [SwiftSetting] =
  strict + [.enableExperimentalFeature("Embedded", .when(traits: ["Embedded"]))]

/// Settings of what keeps a `TrafficLedger`: the small agents have no room for it.
let counting: [SwiftSetting] = [.define("LEDGER", .when(traits: ["Ledger"]))]

extension Target.Dependency {
  /// A library of SwiftNIO, which the simulator and the command line have and a device does not.
  static func nio(_ name: String) -> Target.Dependency {
    .product(name: name, package: "swift-nio", condition: .when(traits: ["Tools"]))
  }
}

/// What a device over CoAP is made of, with an outbox or without.
let coapDevice = [
  "CoAPLink", "DurableReports", "ReportLink", "DeviceDriver", "DeviceStore", "SymmetricSecurity",
  "DTLSSecurity", "EitherSecurity", "SecurityLayer", "OpenSSLSupport", "PlatformCredentials",
  "CoAPExchange", "Alink", "PlatformCoAP", "Platform", "PayloadCoding", "CoAPMessage",
  "ConstrainedCore", "UDPTransport", "SystemClocks", "TrafficLedger",
]

/// What the platform's fronts have in common.
let platform = [
  "PlatformSimulator", "PlatformCore", "PlatformFaults", "PayloadValues", "PayloadCoding",
  "OpenSSLSupport", "CoAPMessage", "ConstrainedCore",
]

/// The libraries, each with the modules whose types its API has; `make house` says where one is missing.
let libraries: KeyValuePairs<String, [String]> = [
  "CoAPMessage": ["CoAPMessage", "ConstrainedCore"],
  "CoAPExchange": [
    "CoAPExchange", "CoAPMessage", "ConstrainedCore", "UDPTransport", "SystemClocks",
  ],
  "CoAPLink": coapDevice,
  "DurableReports": coapDevice,
  "PlatformSigning": [
    "Platform", "PlatformMQTT", "PlatformHTTPS", "PlatformCredentials", "OpenSSLSupport",
    "SecurityLayer", "PayloadCoding", "ConstrainedCore",
  ],
  // Apart, because it needs libcbor.
  "CBORPayload": ["CBORPayload", "PayloadCoding", "ConstrainedCore"],
  "DeviceClient": [
    "DeviceClient", "CoAPLink", "ReportLink", "DeviceStore", "DTLSSecurity", "SecurityLayer",
    "CoAPExchange", "Alink", "PlatformCoAP", "PlatformMQTT", "Platform", "PlatformCredentials",
    "PayloadCoding", "CBORPayload", "CoAPMessage", "ConstrainedCore", "UDPTransport",
    "OpenSSLSupport", "MQTTLink", "MQTTLayer", "MQTTChannel", "MQTTAuthentication", "HTTPSLink",
    "HTTPSLayer", "HTTPSChannel", "PlatformHTTPS", "GatewayLink", "GatewaySessions",
    "DurableReports", "TrafficLedger",
  ],
  "PlatformSimulator": platform,
  "PlatformBroker": ["PlatformBroker"] + platform,
  "PlatformWebServer": ["PlatformWebServer"] + platform,
  "Inspection": ["Inspection", "PacketCapture", "SecurityLayer", "ConstrainedCore"],
  "GatewaySessions": [
    "GatewaySessions", "Platform", "PayloadCoding", "OpenSSLSupport", "ConstrainedCore",
  ],
  "GatewayConfiguration": [
    "GatewayConfiguration", "PlatformCredentials", "Platform", "SecurityLayer", "OpenSSLSupport",
    "PayloadCoding", "ConstrainedCore",
  ],
  "HTTPSTransfer": ["HTTPSTransfer", "Platform", "PayloadCoding", "ConstrainedCore"],
]

/// Targets by name, each with what it imports.
typealias Targets = KeyValuePairs<String, [Target.Dependency]>

/// What compiles for the device as well, in Sources; docs/architecture.md says what each of them holds.
let deviceTargets: Targets = [
  "ConstrainedCore": [],
  "TrafficLedger": ["ConstrainedCore"],
  "StreamTraffic": ["TrafficLedger", "CWire"],
  "CoAPMessage": ["ConstrainedCore"],
  "PayloadCoding": ["ConstrainedCore"],
  "CoAPExchange": ["ConstrainedCore", "CoAPMessage"],
  "SecurityLayer": ["ConstrainedCore"],
  "MQTTLayer": ["ConstrainedCore", "HTTPSLayer"],
  "HTTPSLayer": ["ConstrainedCore"],
  "HTTPSChannel": [
    "ConstrainedCore", "HTTPSLayer", "OpenSSLSupport", "CCurl", "TrafficLedger", "StreamTraffic",
  ],
  "MQTTChannel": ["ConstrainedCore", "MQTTLayer", "CPaho", "TrafficLedger", "StreamTraffic"],
  "Platform": ["ConstrainedCore", "PayloadCoding"],
  "PlatformCoAP": ["ConstrainedCore", "CoAPMessage", "PayloadCoding", "Platform"],
  "PlatformMQTT": ["ConstrainedCore", "PayloadCoding", "Platform"],
  "PlatformHTTPS": ["ConstrainedCore", "PayloadCoding", "Platform"],
  "Alink": ["ConstrainedCore", "PayloadCoding", "Platform"],
  "OpenSSLSupport": ["ConstrainedCore", "COpenSSL"],
  "SymmetricSecurity": ["ConstrainedCore", "SecurityLayer", "OpenSSLSupport"],
  "DTLSSecurity": ["ConstrainedCore", "SecurityLayer", "CoAPExchange", "OpenSSLSupport"],
  "EitherSecurity": ["ConstrainedCore", "SecurityLayer", "SymmetricSecurity", "DTLSSecurity"],
  "PlatformCredentials": ["ConstrainedCore", "SecurityLayer", "Platform", "OpenSSLSupport"],
  "ReportLink": ["ConstrainedCore", "DeviceStore"],
  "CoAPLink": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange", "Platform",
    "PlatformCoAP", "Alink", "OpenSSLSupport", "PlatformCredentials", "DeviceStore", "ReportLink",
    "TrafficLedger",
  ],
  "MQTTLink": [
    "ConstrainedCore", "MQTTLayer", "SecurityLayer", "PayloadCoding", "Platform", "PlatformMQTT",
    "Alink", "OpenSSLSupport", "PlatformCredentials", "DeviceStore", "ReportLink",
  ],
  // The sessions of a gateway's sub-devices.
  "GatewaySessions": [
    "ConstrainedCore", "PayloadCoding", "SecurityLayer", "Platform", "Alink", "OpenSSLSupport",
    "PlatformCredentials",
  ],
  // These over the gateway's connection, with its reports and theirs.
  "GatewayLink": [
    "ConstrainedCore", "MQTTLayer", "OpenSSLSupport", "Platform", "PayloadCoding", "Alink",
    "DeviceStore", "ReportLink", "MQTTLink", "GatewaySessions",
  ],
  // MQTT whose user name and password come from an authentication over HTTPS.
  "MQTTAuthentication": [
    "ConstrainedCore", "MQTTLayer", "HTTPSLayer", "SecurityLayer", "Platform", "PlatformHTTPS",
    "PlatformCredentials", "OpenSSLSupport",
  ],
  "HTTPSLink": [
    "ConstrainedCore", "HTTPSLayer", "SecurityLayer", "Platform", "PlatformHTTPS", "OpenSSLSupport",
    "PlatformCredentials", "DeviceStore", "ReportLink",
  ],
  "DurableReports": ["ConstrainedCore", "Platform", "DeviceStore", "ReportLink"],
  "DeviceDownlinks": ["ConstrainedCore", "Platform", "Alink", "ReportLink"],
  "DeviceDriver": [
    "ConstrainedCore", "SecurityLayer", "Platform", "OpenSSLSupport", "PlatformCredentials",
    "DTLSSecurity", "UDPTransport", "SystemClocks", "ReportLink", "CoAPLink", "DurableReports",
    "TrafficLedger",
  ],
  "SystemClocks": ["ConstrainedCore", "CPOSIX"],
  "UDPTransport": ["ConstrainedCore", "SystemClocks", "CPOSIX"],
  "DeviceStore": ["ConstrainedCore", "CPOSIX"],
  "CBORPayload": ["ConstrainedCore", "PayloadCoding", "CLibCBOR"],
  "Agent": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange", "Platform",
    "PlatformCoAP", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity",
    "CBORPayload", "UDPTransport", "DeviceStore", "CoAPLink", "DurableReports", "DeviceDriver",
    "PlatformCredentials", "SystemClocks", "CPOSIX", "TrafficLedger",
  ],
  "DeviceLibrary": [
    "ConstrainedCore", "CoAPMessage", "SecurityLayer", "CoAPExchange", "Platform", "OpenSSLSupport",
    "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "UDPTransport", "DeviceStore",
    "CoAPLink", "DurableReports", "DeviceDriver", "PlatformCredentials", "PlatformMQTT",
    "SystemClocks", "CDevice", "TrafficLedger",
  ],
  // The same source over MQTT: Shared is a link to the folder of Agent.
  "MQTTAgent": [
    "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "Alink", "OpenSSLSupport",
    "CBORPayload", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel", "MQTTLink",
    "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials", "SystemClocks",
    "CPOSIX",
  ],
  // The same source over HTTPS.
  "HTTPSAgent": [
    "ConstrainedCore", "PayloadCoding", "Platform", "PlatformHTTPS", "OpenSSLSupport",
    "CBORPayload", "DeviceStore", "ReportLink", "HTTPSLayer", "HTTPSChannel", "HTTPSLink",
    "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CPOSIX",
  ],
  // The agent over MQTT with what a gateway has besides: Connected is a link to that folder of MQTTAgent.
  "GatewayAgent": [
    "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "PlatformHTTPS", "Alink",
    "OpenSSLSupport", "CBORPayload", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel",
    "MQTTLink", "MQTTAuthentication", "HTTPSLayer", "HTTPSChannel", "GatewaySessions",
    "GatewayLink", "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials",
    "SystemClocks", "CPOSIX", "CDirectory",
  ],
  // The same source over MQTT: Shared is a link to the folder of DeviceLibrary.
  "MQTTDeviceLibrary": [
    "ConstrainedCore", "PayloadCoding", "SecurityLayer", "Platform", "PlatformMQTT", "Alink",
    "OpenSSLSupport", "DeviceStore", "ReportLink", "MQTTLayer", "MQTTChannel", "MQTTLink",
    "DurableReports", "DeviceDriver", "DeviceDownlinks", "PlatformCredentials", "SystemClocks",
    "CDevice", "TrafficLedger", "StreamTraffic",
  ],
  // The same over HTTPS.
  "HTTPSDeviceLibrary": [
    "ConstrainedCore", "SecurityLayer", "Platform", "PlatformHTTPS", "PlatformMQTT",
    "OpenSSLSupport", "DeviceStore", "ReportLink", "HTTPSLayer", "HTTPSChannel", "HTTPSLink",
    "DurableReports", "DeviceDriver", "PlatformCredentials", "SystemClocks", "CDevice",
    "TrafficLedger", "StreamTraffic",
  ],
]

/// The targets that compile sources of another one under a condition of their own.
let conditions = [
  "MQTTAgent": ["MQTT"],
  "HTTPSAgent": ["HTTPS"],
  "GatewayAgent": ["MQTT", "GATEWAY"],
  "GatewayAgentTests": ["GATEWAY"],
  "MQTTDeviceLibrary": ["MQTT"],
  "HTTPSDeviceLibrary": ["HTTPS"],
]

/// The targets that keep a ledger of bytes where the trait asks for it.
let counted: Set = [
  "CoAPLink", "DeviceDriver", "DeviceClient", "EnergyEstimate", "Agent", "DeviceLibrary",
  "StreamTraffic", "HTTPSChannel", "HTTPSDeviceLibrary", "MQTTChannel", "MQTTDeviceLibrary",
  "TrafficLedgerTests",
]

/// What needs the Swift runtime, in Sources; and BrokerPlugin, which is C.
let hostTargets: Targets = [
  "DeviceClient": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "Platform", "PlatformCoAP",
    "Alink", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "CBORPayload", "UDPTransport",
    "CoAPLink", "ReportLink", "DurableReports", "DeviceDriver", "PlatformCredentials",
    "DeviceStore", "SystemClocks", "MQTTLayer", "MQTTLink", "MQTTChannel", "PlatformMQTT",
    "DeviceDownlinks", "HTTPSLayer", "HTTPSLink", "HTTPSChannel", "PlatformHTTPS",
    "MQTTAuthentication", "GatewaySessions", "GatewayLink", "TrafficLedger", "StreamTraffic",
  ],
  // What goes wrong on purpose, in the network and in the platform.
  "PlatformFaults": ["ConstrainedCore", "RadioModel"],
  // What the platform decides, whatever protocol a device comes in by; PlatformSimulator is its front for CoAP.
  "PlatformCore": [
    "ConstrainedCore", "PayloadCoding", "CBORPayload", "PayloadValues", "OpenSSLSupport",
    "PlatformFaults",
  ],
  "PlatformSimulator": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "CBORPayload", "PayloadValues",
    "OpenSSLSupport", "PlatformCore", "PlatformFaults",
    .nio("NIOCore"), .nio("NIOPosix"),
  ],
  // The core's front for MQTT: mosquitto, and what its plugin asks.
  "PlatformBroker": [
    "ConstrainedCore", "PayloadCoding", "PayloadValues", "PlatformCore", "PlatformSimulator",
    "PlatformFaults",
    .nio("NIOCore"), .nio("NIOPosix"),
  ],
  // The core's front for HTTPS.
  "PlatformWebServer": [
    "ConstrainedCore", "PayloadCoding", "PayloadValues", "OpenSSLSupport", "PlatformCore",
    "PlatformSimulator",
    .nio("NIOCore"), .nio("NIOPosix"), .nio("NIOHTTP1"),
  ],
  // The pages to watch a platform, over HTTP, and what they may ask it for.
  "PlatformConsole": [
    "CoAPMessage", "PayloadValues", "OpenSSLSupport", "SystemClocks",
    "PlatformCore", "PlatformFaults", "PlatformSimulator", "PlatformBroker", "PlatformWebServer",
    "Inspection",
    .nio("NIOCore"), .nio("NIOPosix"), .nio("NIOHTTP1"),
  ],
  "BrokerPlugin": [],
  "PayloadValues": ["ConstrainedCore", "PayloadCoding", "CBORPayload"],
  // The file that says how a gateway reaches its sub-devices.
  "GatewayConfiguration": ["ConstrainedCore", "PayloadCoding", "Platform", "PlatformCredentials"],
  "HTTPSTransfer": ["ConstrainedCore", "Platform", "OpenSSLSupport", "SystemClocks", "CCurl"],
  "PacketCapture": ["CPcap"],
  "Inspection": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "OpenSSLSupport",
    "SymmetricSecurity", "Platform", "PlatformCoAP", "CBORPayload", "PacketCapture",
  ],
  // What a datagram costs on an NB-IoT radio, and what a report costs a device.
  "RadioModel": ["ConstrainedCore", "PayloadCoding", "PayloadValues"],
  "EnergyEstimate": [
    "ConstrainedCore", "CoAPMessage", "CoAPExchange", "SecurityLayer", "Platform", "PlatformCoAP",
    "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "DeviceDriver", "ReportLink", "CoAPLink",
    "DeviceClient", "PlatformCore", "PlatformSimulator", "PlatformBroker", "PlatformWebServer",
    "PlatformMQTT", "SystemClocks", "RadioModel", "TrafficLedger", "StreamTraffic",
    "PacketCapture",
  ],
  // Many devices in one process, and what became of their reports.
  "Fleet": [
    "ConstrainedCore", "CoAPExchange", "Platform", "OpenSSLSupport", "SymmetricSecurity",
    "DTLSSecurity", "EitherSecurity", "SecurityLayer", "ReportLink", "CoAPLink", "DeviceDriver",
    "PayloadValues", "PlatformCore", "PlatformFaults", "PlatformSimulator", "RadioModel",
    "SystemClocks", "UDPTransport", "CHeap",
  ],
  // What `nbiot demo` runs, with a program of its own, so that `make demo` builds nothing else.
  "Demonstration": [
    "ConstrainedCore", "PayloadCoding", "OpenSSLSupport", "CoAPLink", "DeviceClient",
    "PlatformCore", "PlatformSimulator",
  ],
]

/// Programs, in Sources.
///
/// On a device an agent is built as Embedded Swift, by packaging/build-agent.sh.
let programs: Targets = [
  "nbiot-demo": ["Demonstration"],
  "nbiot": [
    "Demonstration", "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage",
    "CoAPExchange", "PayloadCoding", "Platform", "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT",
    "Alink", "OpenSSLSupport", "UDPTransport", "CoAPLink", "ReportLink", "PlatformCredentials",
    "DeviceStore", "DeviceClient", "MQTTLayer", "MQTTLink", "HTTPSLayer", "HTTPSLink",
    "SystemClocks", "PlatformSimulator", "PlatformBroker", "PlatformWebServer", "SecurityLayer",
    "DTLSSecurity", "CBORPayload", "PacketCapture", "Inspection", "HTTPSTransfer",
    "GatewayConfiguration", "Agent", "MQTTAgent", "HTTPSAgent", "GatewayAgent", "RadioModel",
    "EnergyEstimate", "PlatformFaults", "PlatformConsole", "Fleet", "GatewayLink",
    "GatewaySessions", "DurableReports", "TrafficLedger",
    .nio("NIOCore"),
    .product(
      name: "ArgumentParser",
      package: "swift-argument-parser",
      condition: .when(traits: ["Tools"])
    ),
  ],
  "nbiot-agent": ["Agent"],
  "nbiot-agent-mqtt": ["MQTTAgent"],
  "nbiot-agent-https": ["HTTPSAgent"],
  "nbiot-gateway": ["GatewayAgent"],
]

/// What tests and measurements share, in Tests.
let testSupport: Targets = [
  // A broker and a scripted server for the tests of MQTT.
  "MQTTPeers": ["ConstrainedCore", "OpenSSLSupport", "TestSupport"],
  // HTTPS servers that behave as they should, and those that do not.
  "HTTPSPeers": ["TestSupport"],
  // A durable device for the tests of links over one descriptor.
  "DurableWorld": [
    "ConstrainedCore", "Platform", "OpenSSLSupport", "ReportLink", "DurableReports", "DeviceDriver",
    "DeviceStore", "SystemClocks",
  ],
  "FuzzEntries": [
    "ConstrainedCore", "CoAPMessage", "SecurityLayer", "CoAPExchange", "PayloadCoding", "Platform",
    "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink", "OpenSSLSupport", "DTLSSecurity",
    "CBORPayload", "PacketCapture", "Inspection",
  ],
  // Records what DeviceStoreTests write, and makes it fail.
  "FileRecorder": [],
  "TestSupport": ["ConstrainedCore"],
]

/// The same, of what compiles for the device as well.
let deviceTestSupport: Targets = [
  "ProbeDevice": [
    "ConstrainedCore", "CoAPMessage", "SecurityLayer", "PayloadCoding", "Platform", "Alink",
    "CBORPayload", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "UDPTransport",
    "CoAPLink", "ReportLink", "DeviceDriver", "SystemClocks", "CPOSIX",
  ],
  "Tier0Proof": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "SecurityLayer", "CoAPExchange", "Platform",
    "PlatformCoAP", "PlatformHTTPS", "PlatformMQTT", "Alink",
  ],
]

/// Programs that are measured or measure, in Tests.
let testPrograms: Targets = [
  "ordinary-probe": ["ProbeDevice", "CPOSIX"],
  "mqtt-throughput": [
    "ConstrainedCore", "DeviceDriver", "DeviceStore", "DurableReports", "MQTTChannel", "MQTTLink",
    "OpenSSLSupport", "Platform", "SystemClocks",
  ],
  "dtls-exercise": ["FuzzEntries"],
]

/// The same, of what compiles for the device as well.
let deviceTestPrograms: Targets = [
  "device-probe": ["ProbeDevice", "CPOSIX"],
  "dtls-probe": ["ProbeDevice", "CPOSIX"],
  "things-probe": ["ProbeDevice", "CPOSIX"],
]

/// The tests, in Tests.
let tests: Targets = [
  "CoAPMessageTests": ["ConstrainedCore", "CoAPMessage", "TestSupport"],
  "PayloadCodingTests": ["ConstrainedCore", "PayloadCoding", "TestSupport"],
  "CoAPExchangeTests": [
    "ConstrainedCore", "CoAPMessage", "CoAPExchange", "FuzzEntries", "TestSupport",
  ],
  "SizeTests": [
    "ConstrainedCore", "PayloadCoding", "CBORPayload", "CoAPExchange", "Platform", "Alink",
    "OpenSSLSupport", "SymmetricSecurity", "EitherSecurity", "DeviceStore", "CoAPLink",
    "DurableReports", "Agent", "CDevice", "DeviceLibrary", "MQTTChannel", "MQTTLink",
    "HTTPSChannel", "HTTPSLink", "TestSupport",
  ],
  "PlatformTests": [
    "ConstrainedCore", "CoAPMessage", "PayloadCoding", "Platform", "PlatformCoAP", "PlatformHTTPS",
    "PlatformMQTT", "OpenSSLSupport", "CBORPayload", "TestSupport",
  ],
  "PlatformMQTTTests": [
    "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "TestSupport",
  ],
  "MQTTClientTests": [
    "ConstrainedCore", "PayloadCoding", "Platform", "PlatformMQTT", "Alink", "CoAPLink",
    "MQTTLayer", "MQTTLink", "DeviceClient", "MQTTPeers", "TestSupport",
  ],
  "MQTTChannelTests": ["ConstrainedCore", "MQTTLayer", "MQTTChannel", "MQTTPeers", "TestSupport"],
  "HTTPSChannelTests": ["ConstrainedCore", "HTTPSLayer", "HTTPSChannel", "HTTPSPeers"],
  "HTTPSLinkTests": [
    "ConstrainedCore", "Platform", "PlatformHTTPS", "OpenSSLSupport", "HTTPSLayer", "HTTPSChannel",
    "HTTPSLink", "ReportLink", "DurableReports", "DeviceDriver", "DeviceStore", "SystemClocks",
    "DurableWorld", "HTTPSPeers", "TestSupport",
  ],
  "DeviceLibraryTests": ["CDevice", "DeviceLibrary"],
  "MQTTLinkTests": [
    "ConstrainedCore", "Platform", "PlatformMQTT", "OpenSSLSupport", "MQTTLayer", "MQTTChannel",
    "MQTTLink", "MQTTAuthentication", "HTTPSLayer", "ReportLink", "DurableReports", "DeviceDriver",
    "DeviceStore", "SystemClocks", "UDPTransport", "DurableWorld", "MQTTPeers", "TestSupport",
  ],
  "DeviceDownlinksTests": [
    "ConstrainedCore", "Platform", "Alink", "ReportLink", "DeviceDownlinks", "TestSupport",
  ],
  "OpenSSLSupportTests": ["ConstrainedCore", "OpenSSLSupport", "TestSupport"],
  "SymmetricSecurityTests": [
    "ConstrainedCore", "SecurityLayer", "OpenSSLSupport", "SymmetricSecurity", "TestSupport",
  ],
  "DTLSSecurityTests": [
    "ConstrainedCore", "SecurityLayer", "CoAPExchange", "OpenSSLSupport", "DTLSSecurity",
  ],
  "CoAPLinkTests": [
    "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "CoAPExchange",
    "PayloadCoding", "Platform", "PlatformCoAP", "Alink", "CBORPayload", "OpenSSLSupport",
    "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "SecurityLayer", "CoAPLink",
    "ReportLink", "DurableReports", "DeviceDriver", "PlatformCredentials", "DeviceStore",
    "PlatformSimulator", "FileRecorder", "TestSupport",
  ],
  "DeviceStoreTests": [
    "ConstrainedCore", "DeviceStore", "SystemClocks", "Platform", "ReportLink", "DurableReports",
    "FileRecorder", "TestSupport",
  ],
  "DeviceClientTests": [
    "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "CoAPExchange",
    "SecurityLayer", "Platform", "PlatformCoAP", "Alink", "CBORPayload", "PayloadCoding",
    "OpenSSLSupport", "DTLSSecurity", "CoAPLink", "ReportLink", "DeviceStore", "DeviceClient",
    "HTTPSLink", "PlatformSimulator", "HTTPSPeers", "UDPTransport", "TestSupport", "HTTPSChannel",
    "HTTPSLayer",
  ],
  "PlatformSimulatorTests": [
    "PlatformCore", "PayloadValues", "ConstrainedCore", "CoAPMessage", "SecurityLayer",
    "OpenSSLSupport", "DTLSSecurity", "PlatformSimulator", "PlatformBroker", "PlatformWebServer",
    "PlatformFaults", "TestSupport",
  ],
  "PlatformCoreTests": [
    "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "TestSupport",
    "PlatformFaults",
  ],
  "PlatformBrokerTests": [
    "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "PlatformBroker",
    "TestSupport",
  ],
  "PlatformWebServerTests": [
    "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "PlatformCore", "PlatformFaults",
    "PlatformSimulator", "PlatformWebServer", "TestSupport",
  ],
  "PlatformConsoleTests": ["PayloadValues", "PlatformConsole", "TestSupport"],
  "PayloadValuesTests": ["CBORPayload", "PayloadCoding", "PayloadValues", "TestSupport"],
  "GatewayConfigurationTests": [
    "PayloadCoding", "PlatformCredentials", "GatewayConfiguration", "TestSupport",
  ],
  "GatewaySessionsTests": [
    "ConstrainedCore", "OpenSSLSupport", "PayloadValues", "Platform", "PlatformCore",
    "PlatformBroker", "GatewaySessions", "TestSupport",
  ],
  "GatewayLinkTests": [
    "ConstrainedCore", "OpenSSLSupport", "Platform", "DeviceStore", "ReportLink", "MQTTLayer",
    "MQTTLink", "DurableReports", "PlatformCore", "PlatformBroker", "PayloadValues",
    "GatewaySessions", "GatewayLink", "TestSupport",
  ],
  "CBORPayloadTests": ["ConstrainedCore", "PayloadCoding", "CBORPayload", "TestSupport"],
  "RadioModelTests": ["ConstrainedCore", "RadioModel", "TestSupport"],
  "PlatformFaultsTests": ["ConstrainedCore", "PlatformFaults"],
  "FleetTests": [
    "ConstrainedCore", "Fleet", "PayloadValues", "PlatformFaults", "PlatformSimulator",
    "RadioModel",
  ],
  "TrafficLedgerTests": ["ConstrainedCore", "TrafficLedger", "StreamTraffic", "TestSupport"],
  "PacketCaptureTests": ["PacketCapture", "TestSupport"],
  "InspectionTests": [
    "ConstrainedCore", "CoAPMessage", "SecurityLayer", "Inspection", "PacketCapture",
    "SymmetricSecurity", "TestSupport",
  ],
  "InteroperabilityTests": [
    "ConstrainedCore", "CoAPMessage", "CoAPExchange", "SecurityLayer", "OpenSSLSupport",
    "DTLSSecurity", "UDPTransport", "SystemClocks", "TestSupport",
  ],
  "AlinkTests": [
    "ConstrainedCore", "PayloadCoding", "CBORPayload", "Platform", "PlatformHTTPS", "Alink",
    "TestSupport",
  ],
  "EnergyEstimateTests": [
    "CoAPMessage", "RadioModel", "EnergyEstimate", "TrafficLedger", "PacketCapture", "TestSupport",
  ],
  "HTTPSTransferTests": [
    "PlatformCore", "PayloadValues", "Platform", "HTTPSTransfer", "nbiot", "PlatformSimulator",
    "TestSupport",
  ],
  "AgentTests": [
    "PlatformCore", "Agent", "nbiot-agent", "CoAPMessage", "SecurityLayer", "ConstrainedCore",
    "CoAPLink", "ReportLink", "OpenSSLSupport", "PlatformSimulator", "TestSupport",
  ],
  "MQTTAgentTests": ["nbiot", "nbiot-agent-mqtt", "MQTTAgent", "MQTTPeers", "TestSupport"],
  // Its helpers are a link to those of MQTTAgentTests.
  "GatewayAgentTests": [
    "nbiot", "nbiot-gateway", "GatewayAgent", "Alink", "ConstrainedCore", "PayloadCoding",
    "MQTTPeers", "TestSupport",
  ],
  "HTTPSAgentTests": [
    "nbiot-agent-https", "HTTPSAgent", "ConstrainedCore", "OpenSSLSupport", "HTTPSPeers",
    "TestSupport",
  ],
  "nbiotTests": [
    "nbiot", "CoAPMessage", "ConstrainedCore", "OpenSSLSupport", "PlatformCore", "Alink",
    "PayloadCoding", "CoAPLink", "PlatformMQTT", "DeviceClient", "GatewayLink", "GatewaySessions",
    "PlatformSimulator",
    "UDPTransport", "SystemClocks", "MQTTPeers", "HTTPSPeers", "TestSupport",
  ],
  // Compiles and runs what README.md, docs/ and nbiot_device.h show, against these as they are built.
  "SnippetTests": [
    "nbiot", "nbiot-agent", "DeviceClient", "HTTPSTransfer", "DeviceLibrary", "CoAPMessage",
    "ConstrainedCore", "OpenSSLSupport", "MQTTPeers", "HTTPSPeers", "TestSupport",
  ],
  "FuzzReplayTests": ["FuzzEntries"],
]

/// Targets whose folder has another name.
let places = [
  "device-probe": "Tests/DeviceProbe",
  "dtls-probe": "Tests/DTLSProbe",
  "things-probe": "Tests/ThingsProbe",
  "ordinary-probe": "Tests/OrdinaryProbe",
  "FuzzEntries": "Tests/Fuzzing/Entries",
  "mqtt-throughput": "Tests/MQTTThroughput",
  "dtls-exercise": "Tests/DTLSExercise",
  "FuzzReplayTests": "Tests/Fuzzing/Replay",
]

/// Files that tests read, in the folder of their target.
let testFiles = [
  "HTTPSPeers": ["Resources/https_peer.py"],
  "AlinkTests": ["Resources/guide"],
  "EnergyEstimateTests": ["Resources"],
  "HTTPSTransferTests": ["https_server.py"],
  "AgentTests": ["faults.c"],
  "MQTTAgentTests": ["README.md"],
  "HTTPSAgentTests": ["README.md"],
  "GatewayAgentTests": ["README.md"],
  "nbiotTests": ["README.md", "address-change.sh", "ledger-wire.sh"],
  "SnippetTests": ["stand-ins"],
  "TestSupport": [
    "Resources/coap-messages.json", "Resources/surroundings.c", "Resources/mqtt_client.py",
  ],
]

/// Files that are a part of a program's code, in the folder of their target.
let embeddedFiles = ["PlatformConsole": ["Pages"]]

/// Files in those folders that no target reads; SwiftPM would ask about them.
let otherFiles = [
  "InteroperabilityTests": ["plugtest_server.py", "set-up.sh", "DTLS/certificates.sh"],
  "HTTPSTransferTests": ["certificates.sh"],
  "ProbeDevice": ["allocations.sh", "downlinks.c", "downlinks.py", "downlinks.sh", "waiting.sh"],
]

/// The libraries of the system, and the header of ours.
let systemLibraries: [Target] = [
  .systemLibrary(name: "COpenSSL", pkgConfig: "openssl", providers: [.apt(["libssl-dev"])]),
  .systemLibrary(name: "CPOSIX"),
  .systemLibrary(name: "CDirectory"),
  .systemLibrary(name: "CWire"),
  .systemLibrary(name: "CHeap"),
  .systemLibrary(name: "CLibCBOR", pkgConfig: "libcbor", providers: [.apt(["libcbor-dev"])]),
  .systemLibrary(name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
  .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
  // It has no description for pkg-config; its header and library are where the compiler looks anyway.
  .systemLibrary(name: "CPaho", providers: [.apt(["libpaho-mqtt-dev"])]),
  .systemLibrary(name: "CDevice"),
]

/// The targets that compile for the device as well.
let onDevice = Set(
  (Array(deviceTargets) + Array(deviceTestSupport) + Array(deviceTestPrograms)).map(\.key)
)

let package = Package(
  name: "nbiot-coap",
  products: libraries.map { .library(name: $0, targets: $1) } + [
    // Loaded by mosquitto; without mosquitto-dev it is built empty.
    .library(name: "nbiot-broker", type: .dynamic, targets: ["BrokerPlugin"]),
    // For the tests of the C library over MQTT and HTTPS: all of its kinds define the same functions, and the tests are
    // one program. A device's is made by packaging/build-agent.sh.
    .library(name: "nbiot-device-mqtt", type: .static, targets: ["MQTTDeviceLibrary"]),
    .library(name: "nbiot-device-https", type: .static, targets: ["HTTPSDeviceLibrary"]),
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
    .trait(
      name: "Ledger",
      description: "Devices over CoAP count their bytes by purpose and direction."
    ),
    .default(enabledTraits: ["Tools", "Ledger"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
  ],
  targets: (Array(deviceTargets) + Array(hostTargets)).map { .target(name: $0, dependencies: $1) }
    + programs.map { .executableTarget(name: $0, dependencies: $1) }
    + (Array(testSupport) + Array(deviceTestSupport)).map {
      .target(name: $0, dependencies: $1, path: "Tests/\($0)")
    }
    + (Array(testPrograms) + Array(deviceTestPrograms)).map {
      .executableTarget(name: $0, dependencies: $1)
    }
    + tests.map { .testTarget(name: $0, dependencies: $1) } + systemLibraries
)

for target in package.targets {
  switch target.type {
  case .regular, .executable, .test:
    target.swiftSettings = onDevice.contains(target.name) ? device : strict
  default: break
  }
  for condition in conditions[target.name] ?? [] {
    target.swiftSettings?.append(.define(condition))
  }
  if counted.contains(target.name) { target.swiftSettings? += counting }
  if let place = places[target.name] { target.path = place }
  if let files = testFiles[target.name] { target.resources = files.map { .copy($0) } }
  if let files = embeddedFiles[target.name] { target.resources = files.map { .embedInCode($0) } }
  if let files = otherFiles[target.name] { target.exclude = files }
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

// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import PlatformMQTT

/// The transport of MQTT.
enum MQTTTransportArgument: String, ExpressibleByArgument, CaseIterable {
  case tls, tcp, wss, ws

  var transport: MQTTTransport {
    switch self {
    case .tls: .tls
    case .tcp: .tcp
    case .wss: .secureWebSocket
    case .ws: .webSocket
    }
  }
}

/// The purpose of a gateway's signature for a sub-device.
enum SubDevicePurposeArgument: String, ExpressibleByArgument, CaseIterable {
  case topology, login
}

/// The purpose of an authentication over HTTPS.
enum HTTPPurposeArgument: String, ExpressibleByArgument, CaseIterable {
  case reports, mqtt
}

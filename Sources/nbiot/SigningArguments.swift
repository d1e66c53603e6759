internal import ArgumentParser
internal import PlatformMQTT

/// How MQTT reaches the platform.
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

/// What a gateway signs for a sub-device.
enum SubDevicePurposeArgument: String, ExpressibleByArgument, CaseIterable {
  case topology, login
}

/// What a device authenticates over HTTPS for.
enum HTTPPurposeArgument: String, ExpressibleByArgument, CaseIterable {
  case reports, mqtt
}

// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import MQTTLayer
internal import PlatformMQTT

extension MQTTLinkFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .refused(let code): "the platform refused the device, \(code): \(code.advice)"
    case .connection(.refused(let number)):
      Self.refused(ConnackCode(rawValue: number)).description
    case .connection(let failure): failure.description
    case .signing: "OpenSSL could not sign the connection: check its installation"
    }
  }
}

extension MQTTRegistrationFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .needsTLS:
      "a registration is answered with the device secret, in the clear but for TLS: use TLS"
    case .needsSign:
      "a device registers with the sign of its product's secret: register before authenticating over HTTPS"
    case .busy: "a connection or a report is under way: register before anything else"
    case .instanceID: "the instance's id has more than 64 bytes: copy it from the console again"
    case .connecting(.refused(let code)):
      "the platform refused to register the device, \(code): check product key, device name and product secret, "
        + "that the device was not activated before, and that dynamic registration is on for the product"
    case .connecting(let failure): failure.description
    case .disconnected: "the connection ended before a secret came: try again"
    case .timedOut:
      "the platform accepted the connection and sent no secret: check that dynamic registration is on for the product"
    case .unusableAnswer(let error): error.description
    }
  }
}

extension SubscriptionError: CustomStringConvertible {
  /// What is wrong, and by which limit.
  public var description: String {
    switch self {
    case .filter:
      "no topic filter: it has 1 to 160 bytes of UTF-8, + takes a whole level, and # the last one alone"
    case .tooMany: "there are 32 topic filters already, the most that a device can have"
    }
  }
}
#endif

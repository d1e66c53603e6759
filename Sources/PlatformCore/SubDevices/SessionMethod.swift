// SPDX-License-Identifier: Apache-2.0
package import PayloadValues

/// What a gateway asks at `/ext/session/PK/DN/combine/…` (device guide 6.4).
package enum SessionMethod: String, Sendable {
  /// A sub-device comes.
  case login
  /// A sub-device goes.
  case logout
  /// Several sub-devices come.
  ///
  /// Unverified: all of it; public device code has it.
  case batchLogin = "batch_login"

  /// The method of a topic's segments; `nil` for another topic, and for that of a reply.
  package init?(topic: ArraySlice<String>) {
    let segments = Array(topic)
    guard segments.count == 6, segments[0] == "ext", segments[1] == "session",
      segments[4] == "combine"
    else { return nil }
    self.init(rawValue: segments[5])
  }
}

/// What the platform tells a gateway at `/ext/error/PK/DN` about one of its sub-devices (device guide 5).
package struct SubDeviceNotice {
  /// The gateway's session.
  package let gateway: PlatformSession
  /// The sub-device.
  package let device: SimulatedDevice
  /// Why.
  package let code: ReplyCode

  /// What there is to tell.
  package init(gateway: PlatformSession, device: SimulatedDevice, code: ReplyCode) {
    self.gateway = gateway
    self.device = device
    self.code = code
  }

  /// The message; `named` adds the sub-device.
  ///
  /// `identifier` is that of the message which could not be sent, or one of the platform's own.
  /// Unverified (`mqtt-error-names` of `BrokerAssumption`): `data`, which public device code reads and the
  /// guide has not; without it nothing says which sub-device is meant.
  package func message(_ identifier: PayloadValue, named: Bool) -> PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("id", identifier), .init("code", .integer(Int64(code.rawValue))),
      .init("message", .text(code == .noSession ? "device session error" : code.message)),
    ]
    if named {
      members.append(
        .init(
          "data",
          ["productKey": .text(device.productKey), "deviceName": .text(device.deviceName)]
        )
      )
    }
    return .object(members)
  }
}

/// The session of a sub-device, over the connection of its gateway.
final class SubDeviceSession {
  /// What reports of the sub-device are executed with.
  let session: PlatformSession
  /// The session of the gateway's connection.
  let gateway: PlatformSession

  init(_ session: PlatformSession, over gateway: PlatformSession) {
    self.session = session
    self.gateway = gateway
  }
}

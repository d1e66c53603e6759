// SPDX-License-Identifier: Apache-2.0

internal import ConstrainedCore

/// The sizes of MQTT packets (MQTT 3.1.1 Section 2 and 3), in bytes.
package enum PacketSize {
  /// CONNACK, PUBACK, UNSUBACK.
  package static let short = 4
  /// SUBACK of so many filters.
  package static func suback(_ filters: Int) -> Int { packet(2 + filters) }
  /// PINGREQ, PINGRESP.
  package static let ping = 2
  /// DISCONNECT.
  package static let disconnect = 2

  /// A packet with so many bytes behind its fixed header (Section 2.2.3).
  package static func packet(_ remaining: Int) -> Int {
    var rest = remaining
    var header = 2
    while rest > 127 {
      rest >>= 7
      header += 1
    }
    return header + remaining
  }

  /// PUBLISH with a topic and a payload of so many bytes.
  package static func publish(topic: Int, payload: Int, _ quality: MQTTQuality) -> Int {
    packet(2 + topic + (quality == .atLeastOnce ? 2 : 0) + payload)
  }

  /// CONNECT without a will; the protocol's name has 4 bytes in 3.1.1 and 6 in 3.1.
  package static func connect(_ request: borrowing @_addressable MQTTConnect) -> Int {
    let header = request.version == .v3_1_1 ? 10 : 12
    return packet(
      header + 6 + request.clientID.count + request.userName.count + request.password.count
    )
  }

  /// SUBSCRIBE with one filter of so many bytes.
  package static func subscribe(_ filter: Int) -> Int { packet(2 + 2 + filter + 1) }

  /// UNSUBSCRIBE with one filter of so many bytes.
  package static func unsubscribe(_ filter: Int) -> Int { packet(2 + 2 + filter) }
}

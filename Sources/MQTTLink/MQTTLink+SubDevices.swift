// SPDX-License-Identifier: Apache-2.0
#if !SMALL || GATEWAY
package import ConstrainedCore
internal import MQTTLayer

/// What a gateway needs of its link for its sub-devices.
extension MQTTLink where Layer: ~Copyable {
  /// Asks the platform for the messages of several filters by one packet, each filter with a zero byte behind it; the
  /// number that the event `subscriptions` has, `nil` without a connection or room.
  ///
  /// The link does not keep them: whoever asked does so again over the next connection. So they take none of the 32
  /// places.
  package mutating func subscribe(toAll filters: Span<UInt8>, at now: Instant) -> UInt32? {
    self.now = now
    guard connection == .connected, registration == nil else { return nil }
    let number = newNumber() | Self.severalMark
    guard layer.subscribe(toAll: filters, quality: .atLeastOnce, number: number) else {
      return nil
    }
    lastActivity = now
    return number
  }

  /// Whether reports end with the platform's reply.
  package var readsReplies: Bool { settings.readsReplies }

  /// Whether the platform has said whether it grants the subscription of that index.
  package func isSettled(_ index: Int) -> Bool {
    switch subscriptions[index].phase {
    case .granted, .refused: true
    case .free, .wanted, .asked, .leaving: false
    }
  }

  /// Begins to deliver a report of a sub-device; `isHeard` says that the replies to it come without a subscription of
  /// the link's own.
  package mutating func begin(
    id: UInt64,
    topic: Span<UInt8>,
    payload: Span<UInt8>,
    format: UInt16,
    isHeard: Bool,
    at now: Instant
  ) -> Bool {
    begin(id: id, topic: topic, payload: payload, replies: isHeard ? .foreign : .none, at: now)
  }

  /// What marks the numbers of subscriptions that the link does not keep; its own have none above 2^30.
  static var severalMark: UInt32 { 0x4000_0000 }
}
#endif

// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import ConstrainedCore
package import GatewaySessions
internal import MQTTLayer
package import MQTTLink
package import ReportLink

/// What an owner needs that delivers reports beside an outbox.
extension GatewayLink where Layer: ~Copyable {
  /// What an outbox above the link has seen since the last call, but messages; `isObserved` must be set.
  package mutating func takeObserved() -> [ObservedEvent] {
    defer { observed.removeAll() }
    return observed
  }

  /// Where the subscription of a sub-device stands.
  package func listening(of number: Int) -> Entry.Listening {
    sessions.book.entry(number)?.listening ?? .none
  }
}

/// An event of the link with the report that it may be of.
package struct ObservedEvent {
  package let event: MQTTLinkEvent
  package let id: UInt64
  package let ending: ReportEnding
}
#endif

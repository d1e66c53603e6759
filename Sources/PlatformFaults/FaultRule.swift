// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// A fault of the simulated platform or of the network in front of it: what happens, to whom, and until when.
public struct FaultRule: Equatable, Sendable {
  /// What happens.
  public enum Effect: Equatable, Sendable {
    /// The datagram is lost.
    case drop
    /// The datagram arrives twice.
    case duplicate
    /// One bit of the datagram is flipped.
    case corrupt
    /// The datagram arrives after the next one of the same way and device, or 2 seconds late.
    case reorder
    /// The datagram arrives later by a time between the two, in milliseconds.
    case delay(ClosedRange<Int64>)
    /// NAT gives the device another address once it has been silent for so long.
    case bindingLifetime(Milliseconds)
    /// NAT gives devices another address, once.
    case rebind
    /// The request is answered with this status and not processed; the wait in seconds, and which requests.
    case answer(status: Int, retryAfter: UInt32?, FaultedRequest?)
    /// The platform forgets tokens, once, and over DTLS its associations and the sessions that could be resumed.
    case forgetSessions
    /// The platform forgets everything but its devices, once, and is gone for so long.
    case restart(Milliseconds)
    /// The platform's clock jumps forward, once.
    case clockJump(Milliseconds)
  }

  /// Which way a datagram goes.
  public enum Way: String, Sendable, CaseIterable {
    /// From devices.
    case up
    /// To devices.
    case down
    /// Either.
    case both
  }

  /// What happens.
  public var effect: Effect
  /// The part of the datagrams or requests within the scope that it happens to, above 0 and at most 1.
  public var share = 1.0
  /// The datagrams' way.
  public var way = Way.both
  /// Which devices, `PRODUCTKEY/DEVICENAME` with `*` for any characters; `nil` for all.
  ///
  /// The network knows a device by its address, from its first request that the platform recognised.
  public var device: String?
  /// Which topics, with `*` for any characters; `nil` for all requests.
  public var topic: String?
  /// How many datagrams or requests within the scope pass first.
  public var after = 0
  /// How often it happens; `nil` for no limit.
  public var times: Int?
  /// How long it lasts from when it was added; `nil` for no limit.
  public var duration: Milliseconds?

  /// A fault of everything, without an end.
  public init(_ effect: Effect) { self.effect = effect }

  /// Whether it is over as soon as it has happened.
  public var isMomentary: Bool {
    switch effect {
    case .rebind, .forgetSessions, .restart, .clockJump: true
    default: false
    }
  }

  /// Whether it concerns requests, and not datagrams or the platform as a whole.
  public var concernsRequests: Bool {
    if case .answer = effect { true } else { false }
  }

  /// Whether a device, `PRODUCTKEY/DEVICENAME`, is within its scope.
  public func mayTouch(_ path: String) -> Bool {
    device.map { Self.matches($0, path) } ?? true
  }

  /// Whether a request of a topic can be within its scope.
  public func mayTouch(topic: String) -> Bool {
    guard let pattern = self.topic else { return true }
    if case .answer(_, _, let request?) = effect, request != .report { return false }
    return Self.matches(pattern, topic)
  }

  /// Whether a text matches a pattern in which `*` stands for any characters.
  static func matches(_ pattern: String, _ text: String) -> Bool {
    let parts = pattern.utf8.split(separator: UInt8(ascii: "*"), omittingEmptySubsequences: false)
    guard parts.count > 1, let first = parts.first, let last = parts.last else {
      return pattern == text
    }
    var rest = Substring(text).utf8
    guard rest.starts(with: first) else { return false }
    rest = rest.dropFirst(first.count)
    for part in parts.dropFirst().dropLast() where !part.isEmpty {
      var start = rest.startIndex
      while start != rest.endIndex, !rest[start...].starts(with: part) {
        rest.formIndex(after: &start)
      }
      guard start != rest.endIndex else { return false }
      rest = rest[start...].dropFirst(part.count)
    }
    return rest.count >= last.count && rest.suffix(last.count).elementsEqual(last)
  }
}

/// A kind of request that can fail.
public enum FaultedRequest: String, Sendable, CaseIterable {
  /// A device authenticates.
  case authentication = "auth"
  /// A device sends a report.
  case report
  /// A device fetches its messages.
  case pull
  /// A device registers.
  case registration = "register"
}

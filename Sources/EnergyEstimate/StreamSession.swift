// SPDX-License-Identifier: Apache-2.0
internal import RadioModel

/// One TCP connection of the real client to the simulated platform, as a relay between them saw it.
public struct StreamSession: Equatable, Sendable {
  /// Bytes that went one way before any came the other way.
  public struct Flight: Equatable, Sendable {
    /// Whether the device sent them.
    public var isUp: Bool
    /// Their number, without the headers of TCP and IP.
    public var bytes: Int
  }

  /// The flights in order.
  public var flights: [Flight] = []
  /// Segments of the device, as its kernel counted them, those without bytes included.
  public var segmentsUp = 0
  /// Segments to the device.
  public var segmentsDown = 0

  /// A connection without bytes.
  public init() {}

  mutating func add(_ bytes: Int, isUp: Bool) {
    if flights.last?.isUp == isUp {
      flights[flights.count - 1].bytes += bytes
    } else {
      flights.append(Flight(isUp: isUp, bytes: bytes))
    }
  }

  /// The bytes of a segment at most: an MTU of 1,358 bytes, as GSMA has it for such links, without headers.
  public static var segment: Int { 1_318 }

  /// The segments that carry a flight.
  static func segments(_ bytes: Int) -> Int { (bytes + segment - 1) / segment }

  /// Segments of the device without bytes: the handshake of TCP, acknowledgements, the end.
  var emptyUp: Int {
    max(3, segmentsUp - flights.filter(\.isUp).reduce(0) { $0 + Self.segments($1.bytes) })
  }

  /// The same to the device.
  var emptyDown: Int {
    max(2, segmentsDown - flights.filter { !$0.isUp }.reduce(0) { $0 + Self.segments($1.bytes) })
  }

  /// What each flight is for: TLS's first two are its handshake; the report is in the last of the device's that has
  /// room for its payload and its topic in a record of TLS 1.3 (RFC 8446 Section 5.2: 22 bytes).
  ///
  /// Flights before it authenticate; those after it are short.
  func purposes(report: Int) -> [TrafficPurpose] {
    let place = flights.indices.last {
      $0 > 1 && flights[$0].isUp && flights[$0].bytes >= report + 22
    }
    return flights.enumerated().map { index, flight in
      if index < 2 { return .handshake }
      guard let place, index >= place else { return .authentication }
      if index == place { return .report }
      return flight.isUp ? .control : .answer
    }
  }
}

/// The connections of a client that reports once in each.
public struct StreamRehearsal: Equatable, Sendable {
  /// The first, in which the device has no token yet.
  public var first: StreamSession
  /// A later one.
  public var ordinary: StreamSession
  /// The code with which the platform refuses the payload; `nil` where it takes it.
  public var refusal: UInt32?
}

// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// What a device has sent and received, by purpose and direction.
///
/// `count` for each datagram or packet, then `addHeaders` on a copy that is read. Without a heap; memory: 288 bytes, in
/// place.
public struct TrafficLedger: Sendable {
  /// What bytes are for.
  public enum Purpose: UInt8, Sendable {
    /// Requests for a token and for a secret, and their answers; over MQTT CONNECT, CONNACK and DISCONNECT.
    case authentication
    /// Handshakes of DTLS, repeated flights included, and what else it says for itself; of TLS what comes before the
    /// first request.
    case handshake
    /// Reports and other requests, sent for the first time.
    case report
    /// The answers to them.
    case answer
    /// Acknowledgements and Resets; over MQTT also what subscribes and what the platform sends.
    case acknowledgement
    /// Requests sent again, and answers that came again.
    case retransmission
    /// What records add to the messages in them, and records that nobody could open.
    case overhead
    /// PINGREQ and PINGRESP; CoAP and HTTPS have none.
    case keepAlive
    /// The headers of IP and UDP, or TCP.
    case headers

    /// The number of purposes.
    public static var count: Int { 9 }
  }

  /// Which way bytes went.
  public enum Direction: UInt8, Sendable {
    /// From the device.
    case up
    /// To the device.
    case down
  }

  /// What went one way for one purpose.
  public struct Count: Equatable, Sendable {
    /// Datagrams, or packets of MQTT and messages of HTTPS; always 0 for `overhead` and `headers`, which are parts of
    /// others.
    public var datagrams: UInt64
    /// Bytes.
    public var bytes: UInt64

    /// A count.
    public init(datagrams: UInt64 = 0, bytes: UInt64 = 0) {
      self.datagrams = datagrams
      self.bytes = bytes
    }
  }

  private var counts = InlineArray<18, Count>(repeating: Count())

  /// Nothing yet.
  public init() {}

  /// What went one way for one purpose.
  public subscript(_ purpose: Purpose, _ direction: Direction) -> Count {
    get { counts[Self.place(purpose, direction)] }
    set { counts[Self.place(purpose, direction)] = newValue }
  }

  /// Counts `bytes` of so many datagrams.
  public mutating func count(
    _ purpose: Purpose,
    _ direction: Direction,
    bytes: Int,
    datagrams: Int = 1
  ) {
    let place = Self.place(purpose, direction)
    counts[place].bytes &+= UInt64(widening: UInt32(truncatingIfNeeded: bytes))
    counts[place].datagrams &+= UInt64(widening: UInt32(truncatingIfNeeded: datagrams))
  }

  /// Counts a datagram of DTLS: `message` bytes of its records' content for a purpose, the rest of those records as
  /// overhead, and other records as a handshake.
  ///
  /// Without a message the records of content type 23 could not be opened; all of them are overhead.
  public mutating func count(
    _ purpose: Purpose,
    _ direction: Direction,
    message: Int,
    in datagram: Span<UInt8>,
    of length: Int
  ) {
    let content = min(max(Self.contentRecords(datagram), message), length)
    let isHandshake = message == 0 && content < length
    count(purpose, direction, bytes: message, datagrams: message > 0 ? 1 : 0)
    count(.overhead, direction, bytes: max(0, content - message), datagrams: 0)
    count(.handshake, direction, bytes: length - content, datagrams: isHandshake ? 1 : 0)
    // It is a datagram all the same.
    if message == 0, !isHandshake { count(purpose, direction, bytes: 0) }
  }

  /// Everything that went one way.
  public func total(_ direction: Direction) -> Count {
    var total = Count()
    for index in 0..<Purpose.count {
      let count = counts[index &* 2 &+ Int(direction.rawValue)]
      total.bytes &+= count.bytes
      total.datagrams &+= count.datagrams
    }
    return total
  }

  /// Books the headers of so many bytes that IP and UDP put before each datagram: 28 over IPv4 and 48 over IPv6
  /// (RFC 791, RFC 8200, RFC 768).
  public mutating func addHeaders(_ bytes: Int) {
    self[.headers, .up].bytes =
      total(.up).datagrams &* UInt64(widening: UInt32(truncatingIfNeeded: bytes))
    self[.headers, .down].bytes =
      total(.down).datagrams &* UInt64(widening: UInt32(truncatingIfNeeded: bytes))
  }

  /// Adds what another ledger has.
  public mutating func add(_ other: TrafficLedger) {
    for index in counts.indices {
      counts[index].bytes &+= other.counts[index].bytes
      counts[index].datagrams &+= other.counts[index].datagrams
    }
  }

  /// The bytes of records of content type 23, application data, with their headers (RFC 6347 Section 4.1).
  private static func contentRecords(_ datagram: Span<UInt8>) -> Int {
    var total = 0
    var offset = 0
    while datagram.count - offset >= headerLength {
      let length = Int(datagram[offset + 11]) << 8 | Int(datagram[offset + 12])
      let end = min(offset + headerLength + length, datagram.count)
      if datagram[offset] == 23 { total += end - offset }
      offset = end
    }
    return total
  }

  /// RFC 6347 Section 4.1: type, version, epoch and sequence number, length.
  private static var headerLength: Int { 13 }

  private static func place(_ purpose: Purpose, _ direction: Direction) -> Int {
    Int(purpose.rawValue) &* 2 &+ Int(direction.rawValue)
  }
}

extension TrafficLedger: Equatable {
  /// Whether both have counted the same.
  public static func == (left: TrafficLedger, right: TrafficLedger) -> Bool {
    for index in left.counts.indices where left.counts[index] != right.counts[index] {
      return false
    }
    return true
  }
}

extension TrafficLedger.Purpose {
  /// The name in texts and files.
  public var name: StaticString {
    switch self {
    case .authentication: "authentication"
    case .handshake: "handshake"
    case .report: "report"
    case .answer: "answer"
    case .acknowledgement: "acknowledgement"
    case .retransmission: "retransmission"
    case .overhead: "overhead"
    case .keepAlive: "keep-alive"
    case .headers: "headers"
    }
  }
}

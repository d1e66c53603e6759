// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import HTTPSChannel
internal import MQTTLayer
internal import Synchronization
internal import TrafficLedger

/// What a client's MQTT packets come to; shared by its core and its `MeteredLayer`.
final class PacketMeter: Sendable {
  private struct Counts {
    var traffic = DeviceTraffic()
    var counters = DeviceCounters()
    var ledger = TrafficLedger()
    #if LEDGER
    /// What went over HTTPS, if anything does.
    var https: HTTPSTraffic?
    #endif
  }

  private let counts = Mutex(Counts())

  var traffic: DeviceTraffic { counts.withLock { $0.traffic } }
  var counters: DeviceCounters { counts.withLock { $0.counters } }

  /// What was counted here, and over HTTPS.
  var ledger: TrafficLedger {
    counts.withLock {
      var ledger = $0.ledger
      #if LEDGER
      if let https = $0.https { ledger.add(https.ledger) }
      #endif
      return ledger
    }
  }

  /// Whether no connection of HTTPS is ending any more.
  var isLedgerComplete: Bool {
    #if LEDGER
    counts.withLock { $0.https?.isOver ?? true }
    #else
    true
    #endif
  }

  #if LEDGER
  /// Has what went over HTTPS in the ledger.
  func add(_ https: HTTPSTraffic) { counts.withLock { $0.https = https } }
  #endif

  /// Counts a packet that is about to be sent.
  func send(
    _ bytes: Int,
    _ kind: PacketKind,
    for purpose: TrafficLedger.Purpose = .acknowledgement,
    isInLedger: Bool = true
  ) {
    counts.withLock {
      if isInLedger {
        $0.ledger.count(kind == .other ? purpose : .authentication, .up, bytes: bytes)
      }
      switch kind {
      case .connection: $0.traffic.authentication.send(bytes)
      case .token: $0.traffic.tokens.send(bytes)
      case .other: $0.traffic.reports.send(bytes)
      }
      $0.counters.datagramsUp += 1
      $0.counters.bytesUp += bytes
    }
  }

  /// Counts a packet that has come.
  func receive(
    _ bytes: Int,
    _ kind: PacketKind,
    for purpose: TrafficLedger.Purpose = .acknowledgement,
    isInLedger: Bool = true
  ) {
    counts.withLock {
      if isInLedger {
        $0.ledger.count(kind == .other ? purpose : .authentication, .down, bytes: bytes)
      }
      switch kind {
      case .connection: $0.traffic.authentication.receive(bytes)
      case .token: $0.traffic.tokens.receive(bytes)
      case .other: $0.traffic.reports.receive(bytes)
      }
      $0.counters.datagramsDown += 1
      $0.counters.bytesDown += bytes
    }
  }

  /// Counts a CONNECT, or a request for a token.
  func noteConnect(_ kind: PacketKind = .connection) {
    counts.withLock {
      if kind == .token {
        $0.traffic.tokenRequests += 1
      } else {
        $0.traffic.authenticationRequests += 1
      }
      $0.counters.requests += 1
      $0.counters.transmissions += 1
    }
  }

  /// Counts a CONNACK, or the answer to a request for a token.
  func noteConnack(isAccepted: Bool) {
    counts.withLock {
      $0.counters.roundTrips += 1
      if isAccepted { $0.counters.authentications += 1 }
    }
  }

  /// Counts a report.
  func notePublish() {
    counts.withLock {
      $0.counters.requests += 1
      $0.counters.transmissions += 1
    }
  }

  /// Counts a PUBACK of a report.
  func notePuback() { counts.withLock { $0.counters.roundTrips += 1 } }
}

/// What a packet is for.
enum PacketKind {
  /// CONNECT, CONNACK, DISCONNECT; over HTTPS `POST /auth`.
  case connection
  /// `POST /auth/devicename` before a connection.
  case token
  /// All others.
  case other
}

/// The sizes of MQTT packets (MQTT 3.1.1 Section 2 and 3), in bytes.
enum PacketSize {
  /// CONNACK, PUBACK, UNSUBACK.
  static let short = 4
  /// SUBACK of so many filters.
  static func suback(_ filters: Int) -> Int { packet(2 + filters) }
  /// DISCONNECT.
  static let disconnect = 2

  /// A packet with so many bytes behind its fixed header (Section 2.2.3).
  static func packet(_ remaining: Int) -> Int {
    var rest = remaining
    var header = 2
    while rest > 127 {
      rest >>= 7
      header += 1
    }
    return header + remaining
  }

  static func publish(topic: Int, payload: Int, _ quality: MQTTQuality) -> Int {
    packet(2 + topic + (quality == .atLeastOnce ? 2 : 0) + payload)
  }

  /// CONNECT without a will; the protocol's name has 4 bytes in 3.1.1 and 6 in 3.1.
  static func connect(_ request: borrowing @_addressable MQTTConnect) -> Int {
    let header = request.version == .v3_1_1 ? 10 : 12
    return packet(
      header + 6 + request.clientID.count + request.userName.count + request.password.count
    )
  }

  static func subscribe(_ filter: Int) -> Int { packet(2 + 2 + filter + 1) }

  static func unsubscribe(_ filter: Int) -> Int { packet(2 + 2 + filter) }
}

// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import ConstrainedCore
internal import Synchronization
internal import TrafficLedger

#if LEDGER
internal import StreamTraffic
#endif

/// What a client's MQTT packets come to; shared by its core and its `MeteredLayer`.
final class PacketMeter: Sendable {
  private struct Counts {
    var traffic = DeviceTraffic()
    var counters = DeviceCounters()
    #if LEDGER
    /// What the channels count, of HTTPS if anything goes over that, and of MQTT.
    var https: StreamTraffic?
    var mqtt: StreamTraffic?
    #else
    var ledger = TrafficLedger()
    #endif
  }

  private let counts = Mutex(Counts())

  var traffic: DeviceTraffic { counts.withLock { $0.traffic } }
  var counters: DeviceCounters { counts.withLock { $0.counters } }

  /// What the channels have counted; without ledgers of theirs, what was counted here.
  var ledger: TrafficLedger {
    counts.withLock {
      #if LEDGER
      var ledger = TrafficLedger()
      if let https = $0.https { ledger.add(https.ledger) }
      if let mqtt = $0.mqtt { ledger.add(mqtt.ledger) }
      return ledger
      #else
      return $0.ledger
      #endif
    }
  }

  /// Whether no connection of a client that is closed is ending any more.
  var isLedgerComplete: Bool {
    #if LEDGER
    counts.withLock { ($0.https?.isOver ?? true) && ($0.mqtt?.isEmpty ?? true) }
    #else
    true
    #endif
  }

  /// How many connections the kernel was not asked about: of these the ledger has packets alone.
  var missedConnections: Int {
    #if LEDGER
    counts.withLock { ($0.https?.missedConnections ?? 0) + ($0.mqtt?.missedConnections ?? 0) }
    #else
    0
    #endif
  }

  #if LEDGER
  /// Has what went over HTTPS in the ledger.
  func add(https: StreamTraffic) { counts.withLock { $0.https = https } }

  /// Has what went over MQTT in the ledger.
  func add(mqtt: StreamTraffic) { counts.withLock { $0.mqtt = mqtt } }
  #endif

  /// Counts a packet that is about to be sent.
  func send(
    _ bytes: Int,
    _ kind: PacketKind,
    for purpose: TrafficLedger.Purpose = .acknowledgement
  ) {
    counts.withLock {
      #if !LEDGER
      $0.ledger.count(kind == .other ? purpose : .authentication, .up, bytes: bytes)
      #endif
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
    for purpose: TrafficLedger.Purpose = .acknowledgement
  ) {
    counts.withLock {
      #if !LEDGER
      $0.ledger.count(kind == .other ? purpose : .authentication, .down, bytes: bytes)
      #endif
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

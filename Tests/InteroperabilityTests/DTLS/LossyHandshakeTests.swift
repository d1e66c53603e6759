// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Synchronization
import TestSupport
import Testing

/// Which handshake.
enum HandshakeMode: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case certificate, fragments, preSharedKey, resumed

  var testDescription: String { rawValue }

  func options() throws -> [String] {
    switch self {
    case .certificate: try DTLSServer.certificate("good", "-mtu", "1280")
    case .fragments: try DTLSServer.certificate("good", "-mtu", "256")
    case .preSharedKey: DTLSServer.preSharedKey(SecureDevice.keyDigits, "-mtu", "1280")
    case .resumed: try DTLSServer.certificate("good", "-mtu", "1280", "-no_ticket")
    }
  }

  func device(_ settings: DTLSSettings) throws -> DTLSSecurity {
    switch self {
    case .preSharedKey: try SecureDevice.preSharedKey(settings)
    default: try SecureDevice.certificate(settings)
    }
  }
}

@Suite("Handshakes over a link that loses, repeats and reorders", .timeLimit(.minutes(15)))
struct LossyHandshakeTests {
  /// Shakes hands through a relay and passes a message each way; returns the client and the relay.
  func shakeHands(
    _ mode: HandshakeMode,
    _ server: DTLSServer,
    _ settings: DTLSSettings,
    delay: Int64 = 0,
    fate: @escaping DatagramRelay.Judge = { _, _ in .passes }
  ) throws -> (SecureClient, DatagramRelay) {
    var session: [UInt8]?
    if mode == .resumed {
      let first = try SecureClient(port: server.port, mode.device(settings))
      try first.send(SecureDevice.report)
      _ = try first.event()
      #expect(try server.received(SecureDevice.report.count, first) == SecureDevice.report)
      let exported: [UInt8] = try #require(try first.exportSession())
      session = exported
      try first.close()
    }
    let relay = try DatagramRelay(to: server.port, delay: delay, fate: fate)
    defer { relay.stop() }
    let client = try SecureClient(port: relay.port, mode.device(settings))
    if let session { try client.importSession(session) }
    try client.send(SecureDevice.report)
    let event = try client.event()
    #expect(event == .established(isResumed: mode == .resumed), "\(client.trace)")
    guard case .established = event else { return (client, relay) }
    // The relay may have told the message apart from the handshake no better than a network does: it
    // is sent until it arrives, as CoAP does.
    var message = try server.received(SecureDevice.report.count, client)
    for _ in 0..<3 where message.isEmpty {
      try client.send(SecureDevice.report)
      message = try server.received(SecureDevice.report.count, client)
    }
    #expect(message == SecureDevice.report, "\(client.trace)")
    try server.send(Array(SecureDevice.report.reversed()))
    #expect(try client.receive() == Array(SecureDevice.report.reversed()), "\(client.trace)")
    return (client, relay)
  }

  /// A handshake's datagrams carry something else than messages.
  static func isHandshake(_ datagram: [UInt8]) -> Bool {
    Records(datagram).contains { $0.type != 23 }
  }

  static let cases = HandshakeMode.allCases.flatMap { mode in
    [DatagramRelay.Fate.isLost, .comesTwice, .comesLater].map { (mode, $0) }
  }

  @Test(arguments: cases)
  func `each datagram of a handshake may be lost, come twice or come late`(
    _ mode: HandshakeMode,
    _ fate: DatagramRelay.Fate
  ) async throws {
    let settings = SecureDevice.settings(timeout: 400, limit: 3)
    for direction in DatagramRelay.Direction.allCases {
      var number = 0
      var isOver = false
      while !isOver {
        let chosen = number
        let count = Mutex(0)
        try await withServer(.openSSL, mode.options()) { server in
          let (_, relay) = try shakeHands(mode, server, settings) { next, _ in
            next.direction == direction && next.number == chosen && Self.isHandshake(next.bytes)
              ? fate : .passes
          }
          let seen = relay.passages.filter {
            $0.direction == direction && Self.isHandshake($0.bytes)
          }
          count.withLock { $0 = seen.count }
        }
        number += 1
        isOver = number >= count.withLock { $0 } || number >= 12
      }
      // A resumed handshake has three datagrams up and two down.
      #expect(number >= 2)
    }
  }

  @Test(arguments: DTLSServer.Kind.libcoaps, [true, false])
  func `each datagram of a handshake with libcoap's server may be lost`(
    _ kind: DTLSServer.Kind,
    _ usesCertificate: Bool
  ) async throws {
    let settings = SecureDevice.settings(timeout: 400, limit: 3)
    let options =
      try usesCertificate
      ? DTLSServer.libcoapCertificate("good") : ["-k", SecureDevice.key, "-h", "hint"]
    try await withServer(kind, options) { server in
      for direction in DatagramRelay.Direction.allCases {
        var number = 0
        var count = 1
        while number < count {
          let chosen = number
          let relay = try DatagramRelay(to: server.port) { next, _ in
            next.direction == direction && next.number == chosen && Self.isHandshake(next.bytes)
              ? .isLost : .passes
          }
          defer { relay.stop() }
          let device =
            try usesCertificate
            ? SecureDevice.certificate(settings) : SecureDevice.preSharedKey(settings)
          let client = try SecureClient(port: relay.port, device)
          let answer = try Dissection(client.exchange(SecureDevice.report))
          #expect(answer?.code == "2.01" || answer?.code == "2.04", "\(client.trace)")
          #expect(try client.event() == .established(isResumed: false), "\(client.trace)")
          count =
            relay.passages.filter { $0.direction == direction && Self.isHandshake($0.bytes) }
            .count
          number += 1
        }
        #expect(number >= 3)
      }
    }
  }

  @Test(arguments: HandshakeMode.allCases)
  func `a flight is not sent again while the answer is on its way`(
    _ mode: HandshakeMode
  ) async throws {
    try await withServer(.openSSL, mode.options()) { server in
      // As 10 seconds are to 8; the rest is for a machine that is busy.
      let settings = SecureDevice.settings(timeout: 4_000, limit: 3)
      let (client, relay) = try shakeHands(mode, server, settings, delay: 1_600)
      let hellos = client.sent.filter { Records($0).contains { $0.message == 1 } }
      #expect(hellos.count == 2)
      // Two hellos, the last flight and the message; s_server, whose own timeout is a second, may repeat
      // its Finished, which is answered once in the device's timeout (RFC 6347 Section 4.2.4).
      #expect(relay.count(.up) == 4, "\(client.trace)")
    }
  }
}

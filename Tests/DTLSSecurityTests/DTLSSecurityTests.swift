// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import ConstrainedCore
import DTLSSecurity
import OpenSSLSupport
import SecurityLayer
import Testing

@Suite("DTLS 1.2 on a virtual clock (RFC 6347)")
struct DTLSSecurityTests {
  let report = Array("a report of some bytes".utf8)

  /// A record in the clear (RFC 6347 Section 4.1) with an alert.
  static func alert(_ level: UInt8, _ description: UInt8) -> [UInt8] {
    [21, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, level, description]
  }

  func connected(
    _ change: (inout DTLSSettings) -> Void = { _ in }
  ) throws -> Association {
    let association = try Association(change)
    #expect(try !association.send(report))
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
    return association
  }

  @Test func `a message goes each way, and no byte of it can be read on the way`() throws {
    let association = try connected()
    #expect(try association.send(report))
    #expect(association.up.count == 1)
    // The header, an explicit nothing and 16 bytes of tag (RFC 7905).
    #expect(association.up[0].count == 13 + report.count + 16)
    #expect(!association.up[0].indices.contains { association.up[0][$0...].starts(with: report) })
    try association.settle()
    #expect(association.atServer == [report])
    try association.answer(report)
    try association.settle()
    #expect(association.atDevice == [report])
  }

  @Test func `a warning in the clear neither hides what stands behind it nor counts`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    // unrecognized_name (RFC 6066 Section 3).
    let flight = association.down.removeFirst()
    try association.toDevice(Self.alert(1, 112) + flight)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test(arguments: [alert(2, 40), alert(1, 0)])
  func `an alert in the clear counts when it comes three times and nothing else does`(
    _ alert: [UInt8]
  ) throws {
    let association = try Association()
    #expect(try !association.send(report))
    let hello = association.up.count
    // The flight's timeout, then when it would be sent again.
    for (round, wait): (Int, Int64) in [(1, 10_000), (2, 20_000)] {
      try association.toDevice(alert)
      try association.pass(wait)
      #expect(association.event() == nil)
      // Another hello in place of the flight.
      #expect(try !association.send(report))
      #expect(association.up.count == hello * (round + 1))
    }
    try association.toDevice(alert)
    try association.pass(10_000)
    #expect(association.event() == .failed(alert[14] == 40 ? .nothingInCommon : .alert(0)))
  }

  @Test func `a warning in the clear is none, and the flight is sent again`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    let count = association.up.count
    try association.toDevice(Self.alert(1, 112))
    try association.pass(10_000)
    #expect(association.event() == nil && association.up.count == count + 1)
  }

  /// Whoever knows the port can send one after each hello; it costs time, and the server is heard all the same.
  @Test func `forged alerts after two hellos do not end a handshake`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    for wait: Int64 in [10_000, 20_000] {
      for _ in 0..<5 { try association.toDevice(Self.alert(2, 40)) }
      try association.pass(wait)
      association.up.removeAll()
      #expect(try !association.send(report))
    }
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `nothing is sent again before the caller's clock says so, whatever OpenSSL's says`()
    throws
  {
    let association = try Association()
    #expect(try !association.send(report))
    #expect(association.up.count == 1)
    // OpenSSL's own timer runs out within a millisecond here, and is looked at with each datagram.
    let clock = ContinuousClock()
    for _ in 0..<5 {
      let end = clock.now + .milliseconds(25)
      while clock.now < end {}
      try association.toDevice(Self.alert(1, 112) + [22, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0])
      #expect(association.up.count == 1)
    }
    try association.pass(9_999)
    #expect(association.up.count == 1)
    try association.pass(1)
    #expect(association.up.count == 2)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a datagram just before the time is up does not keep a flight from being sent again`()
    throws
  {
    let association = try Association {
      $0.clock = .machine
      $0.timing = TransmissionParameters(
        acknowledgementTimeout: Milliseconds(300),
        maxRetransmit: 3
      )
    }
    let clock = ContinuousClock()
    let start = clock.now
    let origin = association.now
    func elapsed() -> Int64 {
      let passed = (clock.now - start).components
      return passed.seconds * 1_000 + passed.attoseconds / 1_000_000_000_000_000
    }
    #expect(try !association.send(report))
    // How far the machine's clock has run ahead of what the association is told: on a busy machine this
    // thread may rest between the two, and OpenSSL's timer then ends later by that.
    var lead = elapsed()
    // A record of a handshake's next epoch, which is put aside; one each millisecond, but no more than
    // OpenSSL's limit of early timeouts allows in this time.
    let stray: [UInt8] = [22, 0xFE, 0xFD, 0, 9, 0, 0, 0, 0, 0, 9, 0, 1, 0]
    while case let time = elapsed(), time < 300 {
      association.now = origin + Milliseconds(time)
      if time >= 260 { try association.toDevice(stray) }
      lead = max(lead, elapsed() - time)
      let next = clock.now + .milliseconds(1)
      while clock.now < next {}
    }
    #expect(association.up.count == 1)
    association.now = origin + Milliseconds(300)
    try association.pass(0)
    // 4 ms of OpenSSL's are waited out within the call, what is beyond them is told as a new time.
    while association.up.count == 1, case let time = elapsed(), lead > 0, time < 340 + lead {
      association.now = origin + Milliseconds(time)
      try association.pass(0)
    }
    #expect(association.event() == nil)
    #expect(association.up.count == 2)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a flight is sent again as often as it may be, each time after twice the time`() throws
  {
    let association = try Association()
    #expect(try !association.send(report))
    for (wait, count) in [(10_000, 2), (20_000, 3), (40_000, 4)] {
      try association.pass(Int64(wait) - 1)
      #expect(association.up.count == count - 1)
      try association.pass(1)
      #expect(association.up.count == count)
    }
    #expect(association.event() == nil)
    // RFC 6347 Section 4.2.4.1: no longer than 60 seconds.
    try association.pass(59_999)
    #expect(association.event() == nil)
    try association.pass(1)
    #expect(association.event() == .failed(.noAnswer))
    #expect(association.up.count == 4)
  }

  @Test func `a flight that is sent again is one datagram`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    while !association.down.isEmpty { try association.toDevice(association.down.removeFirst()) }
    #expect(association.up.count == 1)
    let first = association.up.removeFirst()
    try association.pass(10_000)
    #expect(association.up.count == 1)
    #expect(association.up.first?.count == first.count)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a server that says goodbye is resumed with the next message`() throws {
    let association = try connected()
    for _ in 0..<3 {
      try association.closeServer()
      try association.settle()
      #expect(association.event() == .closed)
      #expect(!association.isEstablished())
      try association.pass(60_000)
      #expect(association.up.isEmpty, "nothing is sent before there is a message")
      try association.renewServer()
      #expect(try !association.send(report))
      try association.settle()
      #expect(association.event() == .established(isResumed: true))
      #expect(try association.send(report))
      try association.settle()
    }
    #expect(association.atServer.count == 3)
  }

  @Test func `a session is kept only where a whole handshake costs more than to resume it`() throws
  {
    /// The bytes of a whole handshake and of the next one, and whether a session was kept and resumed.
    func costs(_ association: Association) throws -> (whole: Int, next: Int, isKept: Bool) {
      #expect(try !association.send(report))
      let whole = try association.settle()
      #expect(association.event() == .established(isResumed: false))
      let isKept = try association.keepsSession()
      try association.closeServer()
      try association.settle()
      #expect(association.event() == .closed)
      try association.renewServer()
      #expect(try !association.send(report))
      let next = try association.settle()
      #expect(association.event() == .established(isResumed: isKept))
      return (whole, next, isKept)
    }
    let certificate = try costs(try Association())
    #expect(certificate.isKept && certificate.next < certificate.whole, "\(certificate)")
    // A handshake with a pre-shared key has no certificate and no signature: two identifiers of 32 bytes are more.
    let key = try costs(try Association(usesPreSharedKey: true, suite: "PSK-CHACHA20-POLY1305"))
    #expect(!key.isKept && key.next == key.whole, "\(key)")
    #expect(key.whole < certificate.next + 2 * 32, "\(key) \(certificate)")
  }

  @Test func `an answer that was long on its way brings the association back`() throws {
    let association = try connected()
    #expect(try association.send(report))
    try association.settle()
    try association.pass(30_001)
    try association.answer(report)
    let late = association.down.removeFirst()
    #expect(try !association.send(report))
    let hello = association.up
    #expect(hello.count == 1)
    association.up = []
    try association.toDevice(late)
    #expect(association.atDevice == [report])
    #expect(association.isEstablished())
    #expect(try association.send(report))
    try association.settle()
    #expect(association.atServer == [report, report])
  }

  @Test
  func `a server that does not answer the new hello is told goodbye, and after two such at once`()
    throws
  {
    let association = try connected()
    for number in 1...3 {
      try association.pass(30_001)
      #expect(try !association.send(report))
      // Once may have been a loss.
      if number < 3 {
        // The server drops a hello amid its association.
        #expect(association.up.count == 1)
        try association.settle()
        #expect(association.event() == nil)
        try association.pass(10_000)
      }
      // An alert that is protected: the 13 bytes of the header, 2, and the tag's 16.
      #expect(association.up.map { $0[0] } == [21, 22])
      #expect(association.up[0].count == 31)
      try association.toServer(association.up.removeFirst())
      association.down = []
      try association.renewServer()
      try association.settle()
      #expect(association.event() == .established(isResumed: true))
    }
  }

  @Test func `after three messages without an answer the association counts as lost`() throws {
    let association = try connected { $0.idleLimit = nil }
    // Confirmable messages, by their first byte.
    for _ in 0..<3 { #expect(try association.send([0x40, 1, 0, 1])) }
    association.up = []
    try association.renewServer()
    #expect(try !association.send([0x40, 1, 0, 2]))
    try association.settle()
    #expect(association.event() == .established(isResumed: true))
  }
}

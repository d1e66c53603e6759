// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DTLSSecurity
import SecurityLayer
import Testing

@Suite("What anybody can send to a device (RFC 6347 Section 4.1.2)")
struct RobustnessTests {
  let report = Array("a report of some bytes".utf8)

  func connected() throws -> Association {
    let association = try Association()
    #expect(try !association.send(report))
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
    return association
  }

  /// Where the bodies of handshake messages stand: behind 13 bytes of a record's header and 12 of a
  /// message's.
  func bodies(_ datagram: [UInt8]) -> [Int] {
    var result: [Int] = []
    var offset = 0
    while offset + 13 <= datagram.count {
      let end = offset + 13 + Int(datagram[offset + 11]) << 8 + Int(datagram[offset + 12])
      if datagram[offset] == 22, end > offset + 25 { result += offset + 25..<end }
      offset = end
    }
    return result
  }

  @Test(arguments: [0, 1])
  func `no flight of the server's with a bit flipped leads to an association`(
    _ flight: Int
  ) throws {
    var count = 1
    var index = 0
    while index < count {
      let association = try Association()
      #expect(try !association.send(report))
      try association.toServer(association.up.removeFirst())
      if flight == 1 {
        while !association.down.isEmpty { try association.toDevice(association.down.removeFirst()) }
        try association.toServer(association.up.removeFirst())
      }
      var datagrams = association.down
      association.down = []
      let places = datagrams.indices.flatMap { number in
        bodies(datagrams[number]).map { (number, $0) }
      }
      count = places.count
      // A signature is not always of the same length.
      guard index < count else { break }
      let (number, place) = places[index]
      datagrams[number][place] ^= 1 << UInt8(index % 8)
      for datagram in datagrams { try association.toDevice(datagram) }
      try association.settle()
      #expect(!association.isEstablished(), "byte \(place) of datagram \(number)")
      #expect(try !association.send(report))
      #expect(association.atServer.isEmpty)
      index += 1
    }
    #expect(count > (flight == 0 ? 500 : 10))
  }

  @Test func `what is cut off or made up does not end a handshake`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    let flight = association.down
    association.down = []
    var random = SystemRandomNumberGenerator()
    // A new record number each, so that none is taken for a repetition of another.
    for datagram in flight {
      for count in stride(from: 0, to: datagram.count, by: 37) {
        // Cut off within the first record's body the record is not one.
        let first = 13 + Int(datagram[11]) << 8 + Int(datagram[12])
        try association.toDevice(Array(datagram[..<min(count, first - 1)]))
      }
    }
    for _ in 0..<200 {
      let type = [0, 19, 24, 99, 255].randomElement(using: &random) ?? 0
      let noise = (0..<Int.random(in: 1...60)).map { _ in UInt8.random(in: 0...255) }
      try association.toDevice([UInt8(type)] + noise)
    }
    #expect(association.event() == nil)
    for datagram in flight { try association.toDevice(datagram) }
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  /// A record in the clear (RFC 6347 Section 4.1).
  static func record(
    _ type: UInt8,
    _ body: [UInt8],
    version: UInt8 = 0xFD,
    epoch: UInt8 = 0,
    number: [UInt8] = [0, 0, 0, 0, 0, 9],
    length: UInt16? = nil
  ) -> [UInt8] {
    let length = length ?? UInt16(body.count)
    return [type, 0xFE, version, 0, epoch] + number
      + [UInt8(length >> 8), UInt8(length & 0xFF)] + body
  }

  /// A fragment of a handshake message (RFC 6347 Section 4.2.2).
  static func fragment(
    _ type: UInt8,
    length: UInt16 = 4,
    message: UInt8,
    offset: UInt16 = 0,
    count: UInt16 = 4,
    _ body: [UInt8] = [1, 2, 3, 4]
  ) -> [UInt8] {
    func number(_ value: UInt16) -> [UInt8] { [0, UInt8(value >> 8), UInt8(value & 0xFF)] }
    return [type] + number(length) + [0, message] + number(offset) + number(count) + body
  }

  /// What whoever knows the device's port can send it.
  static let forgeries: [[UInt8]] = [
    record(22, [2]), record(22, []), record(20, [2]), record(20, []), record(20, [1]),
    record(20, [1, 1]), record(21, [2]), record(21, [2, 40, 0]), record(23, [1]), record(24, [1]),
    record(22, fragment(2, message: 0), version: 0xFC), record(22, [1], epoch: 2),
    record(22, [1, 2], length: 0xFFFF), record(22, fragment(0, length: 1, message: 0)),
    record(22, fragment(2, length: 3, message: 0)),
    record(22, fragment(2, message: 0, count: 0xFFFF)),
    record(22, fragment(2, length: 0xFFFF, message: 0)),
    record(22, fragment(1, message: 0)), record(22, fragment(16, message: 0)),
    record(22, fragment(20, message: 0)), record(22, fragment(99, message: 0)),
    record(22, fragment(2, message: 0) + [2]),
    // A late message of the handshake, under the highest number: the server's own are older.
    record(22, fragment(11, message: 9), number: [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]),
  ]

  @Test(arguments: forgeries, [0, 1])
  func `a forged record does not end a handshake, nor is it answered`(
    _ forgery: [UInt8],
    _ flight: Int
  ) throws {
    let association = try Association()
    #expect(try !association.send(report))
    for number in 0..<2 {
      if number == flight {
        let waiting = association.up.count
        for _ in 0..<5 { try association.toDevice(forgery) }
        #expect(association.event() == nil)
        #expect(association.up.count == waiting)
      }
      while !association.up.isEmpty { try association.toServer(association.up.removeFirst()) }
      while !association.down.isEmpty { try association.toDevice(association.down.removeFirst()) }
    }
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
    #expect(try association.send(report))
    try association.settle()
    #expect(association.atServer == [report])
  }

  /// Well made, so that OpenSSL ends the handshake: a ServerHello of noise, and messages out of turn.
  @Test(arguments: [2, 12, 13, 14] as [UInt8])
  func `what makes no sense is answered by one hello at once, then as often as a loss`(
    _ type: UInt8
  ) throws {
    let association = try Association()
    #expect(try !association.send(report))
    var hellos = association.up.count
    association.up.removeAll()
    let start = association.now
    let forgery = Self.record(22, Self.fragment(type, message: 0))
    // The handshake's whole time: 10, 20, 40 and 60 seconds.
    while association.now - start < Milliseconds(129_000) {
      try association.toDevice(forgery)
      if association.up.isEmpty { try association.pass(1_000) }
      #expect(association.event() == nil)
      #expect(try !association.send(report))
      hellos += association.up.count
      association.up.removeAll()
    }
    #expect(hellos <= 6)
    #expect(hellos > 3)
    // And then the server is heard.
    let late = try Association()
    #expect(try !late.send(report))
    for _ in 0..<10 { try late.toDevice(forgery) }
    late.up.removeAll()
    try late.pass(10_000)
    #expect(try !late.send(report))
    try late.settle()
    #expect(late.event() == .established(isResumed: false))
  }

  @Test func `a device that slept past the time to start over does so, and has no deadline left`()
    throws
  {
    let association = try Association()
    #expect(try !association.send(report))
    try association.toDevice(Self.record(21, [2, 40]))
    // The flight was due after 10 s, and so was the next attempt.
    try association.pass(60_000)
    #expect(association.event() == nil)
    let due = association.device.pollTimeout()
    #expect(due == nil)
    association.up.removeAll()
    #expect(try !association.send(report))
    #expect(association.up.count == 1)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  /// A cookie that the server has not given hides the server's own from OpenSSL.
  @Test func `a forged cookie costs time, not the handshake`() throws {
    let association = try Association()
    #expect(try !association.send(report))
    association.up.removeAll()
    try association.toDevice(
      Self.record(22, Self.fragment(3, message: 0, [0xFE, 0xFF, 1, 7]))
    )
    #expect(association.up.count == 1)
    // The server drops it; the device starts over when it would give up.
    for wait: Int64 in [10_000, 20_000, 40_000, 60_000] {
      association.up.removeAll()
      try association.pass(wait)
      #expect(association.event() == nil)
    }
    #expect(!association.up.isEmpty)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a forged cookie costs one timeout if the server's own comes behind it`() throws {
    let association = try Association(asksForCookie: true)
    #expect(try !association.send(report))
    let hello = association.up.removeFirst()
    try association.toDevice(
      Self.record(22, Self.fragment(3, message: 0, [0xFE, 0xFF, 1, 7]))
    )
    // The server drops the hello with that cookie.
    #expect(association.up.count == 1)
    association.up.removeAll()
    try association.toServer(hello)
    #expect(association.down.count == 1)
    try association.toDevice(association.down.removeFirst())
    #expect(association.up.isEmpty)
    try association.pass(10_000)
    #expect(association.up.count == 1 && association.event() == nil)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a forged cookie behind the server's own costs nothing`() throws {
    let association = try Association(asksForCookie: true)
    #expect(try !association.send(report))
    try association.toServer(association.up.removeFirst())
    try association.toDevice(association.down.removeFirst())
    try association.toDevice(
      Self.record(22, Self.fragment(3, message: 0, [0xFE, 0xFF, 1, 7]))
    )
    #expect(association.up.count == 1)
    try association.settle()
    #expect(association.event() == .established(isResumed: false))
  }

  @Test func `a record that comes twice is one message`() throws {
    let association = try connected()
    #expect(try association.send(report))
    association.up.append(association.up[0])
    try association.settle()
    #expect(association.atServer == [report])
    try association.answer(report)
    association.down.append(association.down[0])
    try association.settle()
    #expect(association.atDevice == [report])
  }

  @Test func `no bit of a record can be changed`() throws {
    let association = try connected()
    try association.answer(report)
    let record = association.down.removeFirst()
    for index in record.indices {
      // A length that is too long or too short makes it another record, never a message.
      var altered = record
      altered[index] ^= 1 << UInt8(index % 8)
      try association.toDevice(altered)
    }
    #expect(association.atDevice.isEmpty)
    #expect(association.isEstablished())
    try association.toDevice(record)
    #expect(association.atDevice == [report])
  }

  @Test func `records in the clear do not end an association`() throws {
    let association = try connected()
    for type: UInt8 in [20, 21, 22, 23, 24] {
      for body: [UInt8] in [[1], [2, 40], [1, 0], Array(repeating: 1, count: 40)] {
        try association.toDevice(
          [type, 0xFE, 0xFD, 0, 0, 0, 0, 0, 0, 1, type, 0, UInt8(body.count)] + body
        )
      }
    }
    #expect(association.event() == nil)
    try association.answer(report)
    try association.settle()
    #expect(association.atDevice == [report])
  }

  @Test(arguments: [0, 1])
  func `a record too short for its cipher does not end an association, nor a handshake`(
    _ phase: Int
  ) throws {
    let association = try phase == 0 ? Association() : connected()
    if phase == 0 {
      #expect(try !association.send(report))
      try association.toServer(association.up.removeFirst())
    }
    for epoch: UInt8 in [1, 2] {
      for type: UInt8 in [20, 21, 22, 23] {
        // Longer ones are kept until there are keys to try them with, sixteen of them.
        for count in 0..<(phase == 0 ? 24 : 40) {
          let number: [UInt8] = [0, 0, 0, 1, epoch, UInt8(count)]
          try association.toDevice(
            Self.record(type, Array(repeating: 1, count: count), epoch: epoch, number: number)
          )
        }
      }
    }
    #expect(association.event() == nil)
    if phase == 0 {
      try association.settle()
      #expect(association.event() == .established(isResumed: false))
    }
    try association.answer(report)
    try association.settle()
    #expect(association.atDevice == [report])
  }

  @Test func `of a message that is longer than the room for it the beginning comes`() throws {
    let association = try connected()
    let long = [UInt8](repeating: 7, count: 1_000)
    for room in [0, 1, report.count, 999] {
      try association.answer(long)
      try association.answer(report)
      let both = association.down[0] + association.down[1]
      association.down = []
      try association.toDevice(both, room: room)
      while association.hasPendingMessage() { try association.toDevice([]) }
      let beginning = Array(long.prefix(room))
      #expect(association.atDevice == (room == 0 ? [report] : [beginning, report]), "\(room)")
      association.atDevice = []
    }
    try association.answer(long)
    try association.toDevice(association.down.removeFirst(), room: 1_000)
    #expect(association.atDevice == [long])
    #expect(association.event() == nil)
  }

  @Test func `a message of 2,048 bytes is sent, and a longer one refused without harm`() throws {
    let association = try connected()
    let longest = [UInt8](repeating: 7, count: 2_048)
    #expect(try association.send(longest))
    for count in [2_049, 3_000, 16_384, 16_385] {
      #expect(throws: SecurityError.messageTooLong) {
        try association.send([UInt8](repeating: 7, count: count))
      }
    }
    #expect(association.isEstablished())
    #expect(try association.send(report))
    try association.settle()
    #expect(association.atServer == [longest, report])
  }

  @Test func `two messages in one datagram are two messages`() throws {
    let association = try connected()
    try association.answer(report)
    try association.answer(Array(report.reversed()))
    let both = association.down[0] + association.down[1]
    association.down = []
    try association.toDevice(both)
    #expect(association.atDevice == [report])
    #expect(association.hasPendingMessage())
    try association.toDevice([])
    #expect(association.atDevice == [report, Array(report.reversed())])
    #expect(!association.hasPendingMessage())
  }
}

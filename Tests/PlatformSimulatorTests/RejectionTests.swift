// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("RFC 7252 5.4.1: critical options of non-confirmable requests")
struct RejectionTests {
  static let path = ["topic", "pk", "device", "user", "update"]

  /// The number of an option and its value, for each occurrence.
  static let unknown: [[(UInt16, [UInt8])]] = [
    [(13, [1])], [(17, [50]), (17, [50])], [(17, [0, 0, 50])], [(61, [1])], [(2_049, [])],
  ]

  @Test(arguments: unknown)
  func `a request with one that is unknown is rejected with a Reset, and has no answer`(
    options: [(UInt16, [UInt8])]
  ) throws {
    for path in [Self.path, ["auth"], ["pull"], ["elsewhere"]] {
      var bench = Bench()
      let record = try bench.send(path, options, [1], type: .nonConfirmable)
      #expect(record.code == nil)
      #expect(record.line.contains("-> nothing"))
      #expect(record.note.contains("Reset"))
      #expect(bench.answers == [[0x70, 0, 0, 1]])
      #expect(record.bytesDown == 4)
      // RFC 7252 Section 4.3: a duplicate is ignored.
      bench.messageID -= 1
      let again = try bench.send(path, options, [1], type: .nonConfirmable)
      #expect(again.kind == .duplicate)
      #expect(bench.answers.isEmpty)
      // A confirmable request is answered with 4.02.
      let confirmable = try bench.send(path, options, [1])
      #expect(confirmable.code == .badOption)
      #expect(bench.answers.count == 1)
    }
  }

  @Test func `one that no topic or block could have is unknown as well`() throws {
    var bench = Bench()
    for path in [["topic", ""], ["topic", ".."]] {
      let record = try bench.send(path, [], [], type: .nonConfirmable)
      #expect(record.code == nil)
      #expect(bench.answers.count == 1)
      #expect(bench.answers[0][0] == 0x70)
    }
    let block = try bench.send(
      ["auth"],
      [(12, [50]), (23, [0])],
      Array(try Bench.valid().utf8),
      type: .nonConfirmable
    )
    #expect(block.code == nil)
  }

  @Test func `option 2089 over DTLS is unknown`() throws {
    let bench = try SecureBench()
    let client = try SecureBench.Client()
    let token = try bench.authenticate(client)
    var request = try bench.request(Self.path, [(2_088, token), (2_089, [1])], [1])
    request[0] |= 0x10
    let answer = try #require(bench.send(request, client))
    #expect(answer == [0x70, 0, 0, UInt8(bench.messageID)])
  }

  @Test func `elective ones and other refusals are answered as before`() throws {
    var bench = Bench()
    let elective = try bench.send(["auth"], [(12, [50]), (2_050, [1])], [], type: .nonConfirmable)
    #expect(elective.code == .badRequest)
    #expect(try type(of: bench.answers[0]) == .nonConfirmable)
    let missing = try bench.send(["elsewhere"], [], [], type: .nonConfirmable)
    #expect(missing.code == .notFound)
  }

  @Test func `with separate answers there is one Reset and nothing waits`() throws {
    var bench = Bench { $0.answerMode = .separate }
    _ = try bench.send(Self.path, [(13, [1])], [1], type: .nonConfirmable)
    #expect(bench.answers == [[0x70, 0, 0, 1]])
    #expect(bench.platform.waitingResponses == 0)
  }
}

@Suite("RFC 7252 5.4.3 and 5.10.2: lengths of options, and proxying")
struct OptionLengthTests {
  /// Critical options of invalid lengths.
  static let wrong: [(UInt16, Int)] = [
    (3, 0), (3, 256), (7, 3), (7, 5), (11, 256), (17, 3), (23, 4), (35, 0), (35, 1_035), (39, 0),
    (39, 256),
  ]

  @Test(arguments: wrong)
  func `a critical one of a wrong length is treated as unrecognised`(
    number: UInt16,
    count: Int
  ) throws {
    for path in [RejectionTests.path, ["auth"], ["pull"], ["elsewhere"]] {
      var bench = Bench()
      let options = [(number, [UInt8](repeating: 0x31, count: count))]
      // The helper writes the path first, and options in ascending order of their numbers.
      let before = number < 11 ? options : []
      let answer = try bench.send(path, before: before, number < 11 ? [] : options, .confirmable)
      #expect(answer.code == .badOption)
      #expect(answer.note.contains("option \(number)"))
      let rejected = try bench.send(
        path,
        before: before,
        number < 11 ? [] : options,
        .nonConfirmable
      )
      #expect(rejected.code == nil)
      #expect(bench.answers.count == 1 && bench.answers[0][0] == 0x70)
    }
  }

  @Test func `an elective one of a wrong length is passed over`() throws {
    var bench = Bench()
    let auth = Array(try Bench.valid().utf8)
    let long = try bench.send(
      ["auth"],
      [(12, [50]), (14, [1, 2, 3, 4, 5]), (60, [1, 2, 3, 4, 5])],
      auth
    )
    #expect(long.code == .content)
    // Of two Content-Formats, the one with an invalid length is ignored.
    let format = try bench.send(["auth"], [(12, [0, 0, 42]), (12, [50])], auth)
    #expect(format.code == .content)
    let missing = try bench.send(["auth"], [(12, [0, 0, 50])], auth)
    #expect(missing.code == .unsupportedContentFormat)
  }

  @Test func `Uri-Host and Uri-Port of every length that they may have are taken`() throws {
    for options in [
      [(3, [0x68])], [(3, [UInt8](repeating: 0x68, count: 255))], [(7, [])], [(7, [0x16, 0x32])],
    ] as [[(UInt16, [UInt8])]] {
      var bench = Bench()
      let answer = try bench.send(["elsewhere"], before: options, [], .confirmable)
      #expect(answer.code == .notFound)
    }
  }

  @Test func `the reserved block size is a bad request, answered in either case`() throws {
    var bench = Bench()
    for type in [MessageType.confirmable, .nonConfirmable] {
      let answer = try bench.send(["pull"], [(23, [7])], [], type: type)
      #expect(answer.code == .badRequest)
    }
  }

  @Test func `who asks for a proxy gets 5.05`() throws {
    for (number, value) in [(UInt16(35), "coap://x/"), (39, "coap")] {
      var bench = Bench()
      for type in [MessageType.confirmable, .nonConfirmable] {
        let answer = try bench.send(
          RejectionTests.path,
          [(number, Array(value.utf8))],
          [],
          type: type
        )
        #expect(answer.code == .proxyingNotSupported)
      }
    }
  }
}

extension Bench {
  /// Sends a request with options before its path.
  mutating func send(
    _ path: [String],
    before: [(UInt16, [UInt8])],
    _ options: [(UInt16, [UInt8])],
    _ type: MessageType
  ) throws -> RequestRecord {
    messageID += 1
    var buffer = [UInt8](repeating: 0, count: 4_096)
    var writer = try MessageWriter(
      buffer.mutableSpan,
      type: type,
      code: .post,
      messageID: messageID,
      token: Token(7)
    )
    for (number, value) in before {
      try writer.option(OptionNumber(rawValue: number), value.span)
    }
    for segment in path { try writer.option(.uriPath, Array(segment.utf8).span) }
    for (number, value) in options {
      try writer.option(OptionNumber(rawValue: number), value.span)
    }
    let count = writer.count
    let message = Array(buffer[..<count])
    let output = platform.handle(message, from: 1, at: Instant(milliseconds: 0))
    answers = output.datagrams.map(\.bytes)
    return try #require(output.record)
  }
}

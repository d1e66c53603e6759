// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// The options that a receiver is expected to know: RFC 7252 Section 5.10, RFC 7641, 7959, 7967, 8768
/// and 9175, and the platform's.
private let known: Set<UInt16> = [
  1, 3, 4, 5, 6, 7, 8, 11, 12, 14, 15, 16, 17, 20, 23, 27, 28, 35, 39, 60, 61, 252, 258, 292, 2088,
  2089, 2090,
]

extension Vector {
  /// The numbers of the options that the vectors' maker found unusable, or that nobody knows.
  fileprivate var unusable: [UInt16] {
    let named = (semantic ?? []).compactMap { word -> UInt16? in
      let parts = word.split(separator: "-")
      return parts.count > 2 && parts[0] == "option" ? UInt16(parts[1]) : nil
    }
    return named + (decoded?.options ?? []).map(\.number).filter { !known.contains($0) }
  }

  fileprivate var isRefused: Bool { unusable.contains { $0 % 2 == 1 } }

  /// RFC 7252 Section 5.4: an option that is not defined for a response code is like an unknown one.
  fileprivate var isRefusedInResponse: Bool {
    isRefused
      || decoded?.options.contains { [1, 3, 5, 7, 11, 15, 17, 35, 39].contains($0.number) } == true
  }
}

@Suite("RFC 7252 Sections 4.2, 4.3, 5.4.1, 5.4.3, 5.4.5, 5.10: what a message is answered with")
struct VectorReactionTests {
  @Test func `the vectors with a meaning for the layers above are 59`() {
    #expect(Vector.all.count { $0.semantic != nil } == 59)
    #expect(Vector.all.count { $0.valid && $0.isRefused } > 20)
  }

  @Test(arguments: Vector.all.filter(\.valid))
  func `a message that nothing waits for is answered as the RFC says`(vector: Vector) throws {
    let parts = try #require(vector.decoded)
    let bench = Bench()
    #expect(try bench.receive(vector.hex) == .ignored)
    let header = String(vector.hex.dropFirst(4).prefix(4))
    let isRequest = parts.code > 0 && parts.code < 32
    let isNotification = parts.code >= 64 && parts.options.contains { $0.number == 6 }
    var expected = ""
    switch parts.type {
    case 0 where isRequest && vector.isRefused:
      expected = "6\(parts.token.count / 2)82" + header + parts.token
    case 0: expected = "7000" + header
    case 1 where isNotification && parts.code >> 5 != 6 && parts.code >> 5 != 7:
      expected = "7000" + header
    default: break
    }
    #expect(try bench.sent() == expected)
    #expect(try bench.sent() == "")
  }

  @Test(arguments: Vector.all.filter { $0.valid && $0.decoded?.type == 0 })
  func `the same in a non-confirmable request is ignored`(vector: Vector) throws {
    let parts = try #require(vector.decoded)
    guard parts.code > 0, parts.code < 32 else { return }
    var bytes = hex(vector.hex)
    bytes[0] |= 0x10
    let bench = Bench()
    #expect(try bench.receive(hexText(bytes.span)) == .ignored)
    #expect(try bench.sent() == "")
  }

  @Test(arguments: Vector.all.filter { $0.valid && $0.decoded?.options.isEmpty == false })
  func `a response with these options is refused for a critical one, else taken`(
    vector: Vector
  ) throws {
    let parts = try #require(vector.decoded)
    let options = parts.options.map { (OptionNumber(rawValue: $0.number), $0.value) }
    for type in [MessageType.acknowledgement, .confirmable, .nonConfirmable] {
      let bench = Bench()
      let id = try bench.send(.get)
      #expect(try bench.sent() == "44011234deadbeef")
      let messageID: UInt16 = type == .acknowledgement ? 0x1234 : 0x7701
      let response = bytes(type, .content, messageID, 0xDEAD_BEEF, options)
      let reception = try bench.receive(hexText(response.span))
      let reply = try bench.sent()
      if vector.isRefusedInResponse {
        #expect(reception == .ignored)
        #expect(reply == (type == .confirmable ? "70007701" : ""))
        // The exchange goes on.
        #expect(try bench.receive("64 45 12 34 de ad be ef") == .response(id))
      } else {
        #expect(reception == .response(id))
        #expect(reply == (type == .confirmable ? "60007701" : ""))
      }
    }
  }

  @Test(arguments: Vector.all.filter { !$0.valid })
  func `a format error is refused with a Reset when confirmable, else ignored`(
    vector: Vector
  ) throws {
    let bench = Bench()
    #expect(try bench.receive(vector.hex) == .ignored)
    let bytes = hex(vector.hex)
    let isAnswered = bytes.count >= 4 && bytes[0] >> 4 == 0b0100
    let messageID = String(vector.hex.dropFirst(4).prefix(4))
    #expect(try bench.sent() == (isAnswered ? "7000" + messageID : ""))
  }

  @Test func `the platform's options are registered with their properties`() {
    #expect(!OptionNumber.platformToken.isCritical && !OptionNumber.platformToken.isUnsafeToForward)
    #expect(OptionNumber.platformSequence.isCritical)
    #expect(!OptionNumber.platformSequence.isUnsafeToForward)
    #expect(!OptionNumber.platformMessageID.isCritical)
    #expect(OptionNumber.platformMessageID.isUnsafeToForward)
    for number in [OptionNumber.platformToken, .platformSequence, .platformMessageID] {
      #expect(number.definition != nil)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

/// The vectors' word for an error.
func reason(_ error: MessageFormatError) -> String {
  switch error {
  case .truncatedHeader: "truncated-header"
  case .unknownVersion: "version"
  case .reservedTokenLength: "tkl-reserved"
  case .truncatedToken: "truncated-token"
  case .emptyMessageWithToken: "empty-with-token"
  case .emptyMessageWithData: "empty-with-data"
  case .reservedOptionDelta: "delta-15"
  case .reservedOptionLength: "length-15"
  case .truncatedOptionDelta: "truncated-ext-delta"
  case .truncatedOptionLength: "truncated-ext-length"
  case .truncatedOptionValue: "truncated-option-value"
  case .optionNumberOverflow: "option-number-overflow"
  case .payloadMarkerWithoutPayload: "marker-empty-payload"
  }
}

/// Visits all parts of a message, as a caller would.
func parts(of bytes: [UInt8]) throws(MessageFormatError) -> ([Vector.Option], [UInt8]) {
  let message = try MessageView(bytes.span)
  _ = (message.type, message.code, message.messageID, message.token)
  var options: [Vector.Option] = []
  var iterator = message.options
  while let option = iterator.next() {
    options.append(.init(number: option.number.rawValue, value: array(option.value)))
    _ = option.uintValue
  }
  return (options, array(message.payload))
}

/// Encodes the message again from its parts, into a pre-filled buffer.
func reencode(_ bytes: [UInt8]) throws -> [UInt8] {
  let message = try MessageView(bytes.span)
  var buffer = [UInt8](repeating: 0xA5, count: bytes.count)
  let count = try message.write(into: buffer.mutableSpan)
  return Array(buffer[..<count])
}

@Suite("RFC 7252 Section 3: message format, the published vectors")
struct VectorTests {
  /// Counts them; the tests below show the differences.
  @Test func `533 of 533 vectors are right both ways`() throws {
    var exact = 0
    var refused = 0
    for vector in Vector.all {
      let bytes = hex(vector.hex)
      do throws(MessageFormatError) {
        let (options, payload) = try parts(of: bytes)
        let decoded = try? reencode(bytes)
        if vector.valid, options == vector.decoded?.options, decoded == bytes,
          payload == vector.decoded.map({ hex($0.payload) })
        {
          exact += 1
        }
      } catch {
        if !vector.valid, reason(error) == vector.reason { refused += 1 }
      }
    }
    print(
      "\(exact + refused) of \(Vector.all.count) vectors: \(exact) read and written back exactly, "
        + "\(refused) refused for the stated reason"
    )
    #expect(Vector.all.count == 533)
    #expect(exact == 333)
    #expect(refused == 200)
  }

  @Test(arguments: Vector.all.filter(\.valid))
  func `a valid vector reads as its parts and is written back to its bytes`(
    vector: Vector
  ) throws {
    let bytes = hex(vector.hex)
    let expected = try #require(vector.decoded)
    let message = try MessageView(bytes.span)
    #expect(message.type.rawValue == expected.type)
    #expect(message.code.rawValue == expected.code)
    #expect(message.messageID == expected.mid)
    #expect(message.token == Token(hex(expected.token).span))
    let (options, payload) = try parts(of: bytes)
    #expect(options == expected.options)
    #expect(payload == hex(expected.payload))
    #expect(try reencode(bytes) == bytes)
  }

  @Test(arguments: Vector.all.filter { !$0.valid })
  func `an invalid vector is refused for its reason`(vector: Vector) throws {
    let bytes = hex(vector.hex)
    do throws(MessageFormatError) {
      _ = try parts(of: bytes)
      Issue.record("accepted")
    } catch {
      #expect(reason(error) == vector.reason)
      #expect(error.offset <= bytes.count)
    }
  }

  @Test func `every truncation and every flipped bit of each vector is an error or a message`() {
    var messages = 0
    var errors = 0
    func read(_ bytes: [UInt8]) {
      do throws(MessageFormatError) {
        _ = try parts(of: bytes)
        messages += 1
      } catch {
        errors += 1
      }
    }
    for vector in Vector.all {
      let bytes = hex(vector.hex)
      for length in bytes.indices { read(Array(bytes[..<length])) }
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << (bit % 8)
        read(flipped)
      }
    }
    #expect(messages > 0 && errors > 0)
  }
}

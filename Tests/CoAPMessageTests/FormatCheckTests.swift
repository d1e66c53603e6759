// SPDX-License-Identifier: Apache-2.0
import TestSupport
import Testing

@testable import CoAPMessage

@Suite("RFC 7252 Section 3: the quick check and the careful one")
struct FormatCheckTests {
  /// The results of both checks for the same bytes.
  func ends(_ bytes: [UInt8]) -> (quick: Int?, careful: Int?) {
    let header = bytes.count >= 4 ? bytes.span.firstFourBytes : 0
    var careful: Int?
    do throws(MessageFormatError) {
      careful = try MessageView.checkedOptionsEnd(bytes.span)
    } catch {
      careful = nil
    }
    return (MessageView.quickOptionsEnd(bytes.span, header), careful)
  }

  /// A message of `count` options with those header bytes and no values.
  func message(optionHeader: [UInt8], count: Int) -> [UInt8] {
    hex("40 02 00 01") + [[UInt8]](repeating: optionHeader, count: count).joined()
  }

  @Test func `the quick check takes nothing that the careful one refuses`() {
    var taken = 0
    var differences = 0
    func compare(_ bytes: [UInt8]) {
      let (quick, careful) = ends(bytes)
      guard let quick else { return }
      taken += 1
      if quick != careful { differences += 1 }
    }
    for vector in Vector.all {
      let bytes = hex(vector.hex)
      for length in 0...bytes.count { compare(Array(bytes[..<length])) }
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << (bit % 8)
        compare(flipped)
      }
    }
    #expect(differences == 0)
    #expect(taken > 10_000)
  }

  @Test func `the quick check takes the messages of a report and its answer`() {
    let report = hex("44 02 4d 2e de ad be ef b5 74 6f 70 69 63 e1 07 0a 37 d1 00 38 ff 7b")
    let answer = hex("64 45 4d 2e de ad be ef e8 07 1d 01 02 03 04 05 06 07 08")
    #expect(ends(report).quick == 21)
    #expect(ends(answer).quick == 19)
    #expect(ends(hex("60 00 12 34")).quick == 4)
  }

  @Test(arguments: [
    // Deltas of 12 fit into the first byte: 5461 of them make 65532, and one more exceeds the
    // limit.
    ([0xC0] as [UInt8], 5_461), ([0x90], 7_281),
    // Deltas of 13 to 268 and of 269 and more.
    ([0xD0, 0xFF], 244), ([0xD0, 0x00], 5_041), ([0xE0, 0x44, 0x72], 3), ([0xE0, 0xFE, 0xF2], 1),
  ])
  func `numbers up to 65535 are taken and the next option is refused`(
    header: [UInt8],
    count: Int
  ) throws {
    let highest = message(optionHeader: header, count: count)
    _ = try MessageView(highest.span)
    let tooHigh = message(optionHeader: header, count: count + 1)
    let error = MessageFormatError.optionNumberOverflow(offset: highest.count)
    #expect(throws: error) { _ = try MessageView(tooHigh.span) }
    #expect(ends(tooHigh).quick == nil)
  }

  @Test func `the first error is the one that is reported`() {
    // An option number above the limit, before a value that extends past the end.
    let bytes = hex("40 02 00 01 e0 fe f2 10 15 61")
    #expect(throws: MessageFormatError.optionNumberOverflow(offset: 7)) {
      _ = try MessageView(bytes.span)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Testing

@testable import Inspection

func lines(_ text: String) -> [HexLines.Line] {
  var lines = HexLines()
  return text.utf8.compactMap { lines.take($0) } + [lines.finish()].compactMap { $0 }
}

@Suite("Lines of hexadecimal digits")
struct HexLinesTests {
  @Test(arguments: [
    "40017d34", "40017D34", "40 01 7d 34", "40:01:7d:34", "0x40017d34", "0x40 0x01 0X7D 0x34",
    "\t40 01\t7d 34  \r", "  4001 7d:34",
  ])
  func `separators, prefixes and either case are taken`(text: String) {
    let line = HexLines.Line(number: 1, bytes: [0x40, 0x01, 0x7D, 0x34], error: nil)
    #expect(lines(text) == [line])
    #expect(lines(text + "\n") == [line])
  }

  @Test func `empty lines are passed over and counted`() {
    #expect(lines("\n \t\r\n\n00\n\n01").map(\.number) == [4, 6])
    #expect(lines("").isEmpty)
  }

  @Test func `a prefix alone is a message without bytes`() {
    #expect(lines("0x") == [HexLines.Line(number: 1, bytes: [], error: nil)])
  }

  @Test(arguments: [
    ("zz", HexLineError.notHexadecimal(0x7A, column: 1)),
    ("4001g", .notHexadecimal(0x67, column: 5)),
    ("40017", .halfByte(column: 5)),
    ("4 0", .halfByte(column: 1)),
    ("40x01", .notHexadecimal(0x78, column: 3)),
    ("x40", .notHexadecimal(0x78, column: 1)),
    ("40,01", .notHexadecimal(0x2C, column: 3)),
    ("\u{1b}[31m", .notHexadecimal(0x1B, column: 1)),
    ("ü", .notHexadecimal(0xC3, column: 1)),
  ])
  func `what is not hexadecimal is refused with its column`(text: String, error: HexLineError) {
    #expect(
      lines(text + "\n00") == [
        HexLines.Line(number: 1, bytes: [], error: error),
        HexLines.Line(number: 2, bytes: [0], error: nil),
      ]
    )
    #expect(error.description.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F })
  }

  @Test func `a line holds 65,535 bytes and no more, whatever lies between them`() {
    let longest = String(repeating: "00 : ", count: 65_535)
    #expect(lines(longest).map(\.bytes.count) == [65_535])
    #expect(lines(longest + "00").map(\.error) == [.tooLong])
    #expect(
      lines(longest + "zz\n00").map(\.error) == [.notHexadecimal(0x7A, column: 327_676), nil]
    )
  }
}

// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PayloadCoding
import Testing

@Suite("What others have written, on a terminal")
struct SteeringTextTests {
  /// Control characters (C0, DEL, C1), direction marks, separators, and invisible characters.
  static let harmful: [UInt32] = [
    0x00, 0x07, 0x0A, 0x1B, 0x7F, 0x80, 0x85, 0x9B, 0x9F, 0xAD, 0x61C, 0x180E, 0x200B, 0x200E,
    0x200F, 0x2028, 0x2029, 0x202A, 0x202E, 0x2060, 0x2066, 0x2069, 0xFEFF, 0xFFF9, 0xE0001,
  ]

  static func text(_ value: UInt32) -> String {
    Unicode.Scalar(value).map { String(Character($0)) } ?? ""
  }

  @Test(arguments: harmful)
  func `a harmful character is told, and escaped`(value: UInt32) {
    let text = "a" + Self.text(value) + "b"
    let bytes = Array(text.utf8)
    #expect(SteeringText.count(bytes.span, at: 1) == -(bytes.count - 2))
    let line = ReadableText.line(bytes.span)
    #expect(line.hasPrefix("a\\") && line.hasSuffix("b"))
    #expect(line.unicodeScalars.allSatisfy { !SteeringText.steers($0.value) })
  }

  @Test(arguments: ["a", "~", "é", "\u{A0}", "漢", "ب", "😀", "\u{2027}", "\u{202F}"])
  func `any other is shown as it is`(text: String) {
    let bytes = Array(text.utf8)
    #expect(SteeringText.count(bytes.span, at: 0) == bytes.count)
    #expect(ReadableText.line(bytes.span) == text)
  }

  @Test func `what is not UTF-8 is told byte by byte, and replaced`() {
    for bytes: [UInt8] in [[0x80], [0xC2], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xFF]] {
      #expect(SteeringText.count(bytes.span, at: 0) == -1)
      #expect(ReadableText.line(bytes.span).contains("\u{FFFD}"))
    }
  }

  @Test func `a line of JSON keeps its value`() {
    let json = Array("{\"a\":\"\u{202E}x\u{9B}y\u{E0001}\"}".utf8)
    #expect(ReadableText.line(json.span) == #"{"a":"\u202ex\u009by\udb40\udc01"}"#)
  }
}

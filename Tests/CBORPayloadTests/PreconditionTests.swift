// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding
import TestSupport
import Testing

@Suite("Mistakes of a caller's that end the program")
struct PayloadPreconditionTests {
  private static let mistakes = [
    ("an object closed that was not opened", "an end needs a beginning"),
    ("an array closed that was not opened", "an end needs a beginning"),
    ("19 fractions in CBOR", "an Int64 has at most 18 fractions"),
    ("-1 fraction in CBOR", "an Int64 has at most 18 fractions"),
    ("19 fractions in JSON", "an Int64 has at most 18 fractions"),
    ("-1 fraction in JSON", "an Int64 has at most 18 fractions"),
  ]

  @Test(arguments: mistakes)
  func `what cannot be written is a mistake`(mistake: String, words: String) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [mistake = mistake as String] in
      var buffer = [UInt8](repeating: 0xA5, count: 64)
      if mistake.hasSuffix("JSON") {
        var json = JSONWriter(buffer.mutableSpan)
        try json.decimal(1, fractionDigits: mistake.hasPrefix("19") ? 19 : -1)
        return
      }
      var cbor = CBORWriter(buffer.mutableSpan)
      switch mistake {
      case "an object closed that was not opened": try cbor.endObject()
      case "an array closed that was not opened": try cbor.endArray()
      default: try cbor.decimal(1, fractionDigits: mistake.hasPrefix("19") ? 19 : -1)
      }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }

  @Test func `18 fractions are none`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 64)
    var json = JSONWriter(buffer.mutableSpan)
    try json.decimal(1, fractionDigits: 18)
    let count = json.count
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == "0.000000000000000001")
  }
}

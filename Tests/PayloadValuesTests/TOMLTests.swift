// SPDX-License-Identifier: Apache-2.0
import PayloadValues
import Testing

@Suite("TOML 1.0, as far as it is read")
struct TOMLTests {
  private static func document(_ text: String) throws -> TOMLDocument {
    try TOMLDocument(Array(text.utf8))
  }

  @Test func `tables, elements and values`() throws {
    let document = try Self.document(
      """
      name = "a \\"b\\" \\\\" # a comment
      [one]
      count = 1_000
      share = -0.5
      \tisOn = true\r
      [[two]]
      text = 'c:\\d # no comment'
      [[ two ]] # again
      """
    )
    #expect(document.tables.map(\.name) == ["", "one", "two", "two"])
    #expect(document.tables.map(\.isElement) == [false, false, true, true])
    #expect(document.tables.map(\.line) == [1, 2, 6, 8])
    #expect(document.tables[0].entries.map(\.value) == [.text(#"a "b" \"#)])
    #expect(document.tables[1].entries.map(\.name) == ["count", "share", "isOn"])
    #expect(
      document.tables[1].entries.map(\.value) == [.integer(1_000), .double(-0.5), .boolean(true)]
    )
    #expect(document.tables[2].entries.map(\.value) == [.text(#"c:\d # no comment"#)])
    #expect(document.tables[2].entries.map(\.line) == [7])
  }

  @Test(arguments: [
    ("a", 1, "KEY = VALUE"), ("a = 1\na = 2", 2, "given twice"), ("\na =", 2, "is missing"),
    ("[a]\n[a]", 2, "there twice"), ("[a]\n[[a]]", 2, "there twice"), ("[a", 1, "[NAME]"),
    ("[a] b", 1, "[NAME]"), ("a.b = 1", 1, "a key is of"), ("a = {}", 1, "a value is"),
    ("a = 1979-05-27", 1, "no number"), ("a = \"b", 1, "no end"), ("a = \"b\" c", 1, "stands more"),
    ("a = \"\"\"b", 1, "several lines"), ("a = \"\\q\"", 1, "behind"),
    ("a = 1__0", 1, "a value is"),
    ("a = [1]", 1, "a value is"), ("a = 1e999", 1, "no number"), ("[a-ä]", 1, "table's name"),
  ])
  func `what is not read is refused with its line`(text: String, line: Int, reason: String) {
    let error = #expect(throws: TOMLError.self) { try Self.document(text) }
    #expect(error?.line == line)
    #expect(error?.description.contains(reason) == true, "\(error?.description ?? "")")
  }

  @Test func `bytes of any kind are read or refused`() {
    #expect(throws: TOMLError.self) { try TOMLDocument([0x61, 0xFF]) }
    var state: UInt64 = 7
    let alphabet = Array("a=\"'\\[]# \n\t1.-".utf8)
    for _ in 0..<20_000 {
      var text: [UInt8] = []
      for _ in 0..<12 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        text.append(alphabet[Int(state >> 33) % alphabet.count])
      }
      _ = try? TOMLDocument(text)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import Inspection
import TestSupport
import Testing

@Suite("Messages without what others could use")
struct SecretMaskTests {
  private func text(_ message: [UInt8]) -> String {
    var inspector = MessageInspector()
    return inspector.maskedText(message.span)
  }

  private func message(
    _ payload: [UInt8],
    options: [(UInt16, [UInt8])] = []
  ) throws -> [UInt8] {
    try ObservedSession().message(7, .post, options: options, payload: payload)
  }

  @Test(arguments: [
    #"{"sign":"SECRET123"}"#, #"{ "Token" : "SECRET123" , "a":1}"#, #"{"deviceSecret":"SECRET123"#,
    #"{"data":[{"deviceSecret":"SECRET123","iotId":"x"}]}"#, #"{"sign":"\"SECRET123\""}"#,
    #"{"a":"sign","token":"SECRET123"}"#, #"{"productSecret":"SECRET123","#,
    #"{"url":"https://h/f?Expires=1&Signature=SECRET123"}"#,
    "productKey=a&sign=SECRET123&random=1", "sign=SECRET123",
  ])
  func `are shown with the values written over`(payload: String) throws {
    let text = text(try message(Array(payload.utf8)))
    #expect(!text.contains("SECRET123"), "\(text)")
    #expect(text.contains("*********"))
    #expect(text.contains("\(payload.utf8.count) bytes"))
    #expect(!MessageInspector.maskedText(ofPayload: Array(payload.utf8).span).contains("SECRET123"))
  }

  @Test(arguments: [
    #"{"value":"token"}"#, #"["sign","x"]"#, #"{"signal":"x","url":"https://h/f"}"#,
  ])
  func `what is no secret stays`(payload: String) throws {
    #expect(text(try message(Array(payload.utf8))).contains(payload))
  }

  @Test(arguments: [
    "A1 65 746F6B656E 69 534543524554313233", "A1 64 7369676E 78 09 534543524554313233",
    "A1 65 746F6B656E 7F 63 534543 66 524554313233 FF",
    "A1 64 64617461 A1 6C 646576696365536563726574 69 534543524554313233",
    "A1 65 746F6B656E 49 534543524554313233", "A1 65 746F6B656E 69 534543",
  ])
  func `CBOR has the same members`(bytes: String) throws {
    let text = text(try message(hex(bytes), options: [(12, [60])]))
    #expect(!text.contains("SEC") && !text.contains("534543"), "\(text)")
  }

  @Test func `of a token so much is left that it can be told from others`() throws {
    for number in [2_088, 61] as [UInt16] {
      let token = Array("OgNYztTrnl8BsV6dN1RDlutapYbPTX.70d4".utf8)
      let text = text(try message([], options: [(number, token)]))
      #expect(text.contains(#""OgNY*******************************""#), "\(text)")
      #expect(!self.text(try message([], options: [(number, Array("short".utf8))])).contains("sh"))
    }
  }

  @Test func `a later block may begin within a secret`() throws {
    let text = text(try message(Array(#"CRET123","iotId":"x"}"#.utf8), options: [(27, [0x12])]))
    #expect(!text.contains("CRET123"))
  }

  @Test func `what is no message is not printed`() {
    #expect(!text(Array("SECRET123".utf8)).contains("SECRET"))
  }
}

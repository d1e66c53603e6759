// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Platform
import Testing

/// The parsed text as `SCHEME HOST PORT`, or the error.
private func read(_ text: String) -> String {
  let bytes = Array(text.utf8)
  do throws(EndpointError) {
    let endpoint = try EndpointText(bytes.span)
    let host = String(decoding: bytes[endpoint.host], as: UTF8.self)
    return "\(endpoint.scheme) \(host) \(endpoint.port)"
  } catch {
    switch error {
    case .scheme: return "scheme"
    case .noHost: return "noHost"
    case .path: return "path"
    case .brackets: return "brackets"
    case .host: return "host"
    case .port: return "port"
    }
  }
}

@Suite("RFC 7252 Section 6, RFC 3986 Section 3.2.2: where the platform is, as a person writes it")
struct EndpointTextTests {
  @Test(arguments: [
    ("host", "none host 0"), ("host:5682", "none host 5682"), ("h:65535", "none h 65535"),
    ("a1.coap.cn-shanghai.link.aliyuncs.com", "none a1.coap.cn-shanghai.link.aliyuncs.com 0"),
    ("host.:5684", "none host. 5684"), ("my_host:1", "none my_host 1"),
    ("127.0.0.1:5700", "none 127.0.0.1 5700"), ("::1", "none ::1 0"), ("::", "none :: 0"),
    ("[::1]:5700", "none ::1 5700"), ("[::1]", "none ::1 0"),
    ("fe80::1%eth0", "none fe80::1%eth0 0"), ("[fe80::1%2]:1", "none fe80::1%2 1"),
    ("2001:db8:0:1:2:3:4:5", "none 2001:db8:0:1:2:3:4:5 0"),
    ("::ffff:192.0.2.1", "none ::ffff:192.0.2.1 0"), ("1:2:3:4:5:6:7::", "none 1:2:3:4:5:6:7:: 0"),
    ("coap://127.0.0.1:5700", "coap 127.0.0.1 5700"), ("coap://host/", "coap host 0"),
    ("coaps://host:5684/", "coaps host 5684"), ("CoAPS://[::1]:9", "coaps ::1 9"),
    (
      String(repeating: "h", count: 63) + ".a:1",
      "none " + String(repeating: "h", count: 63) + ".a 1"
    ),
    ("\u{FEFF} host:5682\r\n", "none host 5682"), ("\u{A0}host\u{3000}\t", "none host 0"),
  ])
  func `what names a host is read`(text: String, expected: String) {
    #expect(read(text) == expected)
  }

  @Test(arguments: [
    ("host", true), ("a.b.", true), ("127.0.0.1", true), ("127.0.0.1.", true), (".", false),
    ("::1", true), ("fe80::1%eth0", true),
    ("h:1", false), ("[::1]", false), (" h", false), ("a b", false), ("http://h", false),
    ("coap://h", false),
    ("h/", false), ("", false), ("*.h", false),
  ])
  func `a server's name is a host alone`(text: String, isHost: Bool) {
    #expect(EndpointText.isHost(Array(text.utf8).span) == isHost)
  }

  @Test(arguments: [
    ("", "noHost"), ("  ", "noHost"), (":5682", "noHost"), ("coap://", "noHost"),
    ("coap:///", "noHost"), ("http://host", "scheme"), ("coap+tcp://host:1", "scheme"),
    ("://host", "scheme"), ("coapx://host", "scheme"), ("host/", "path"), ("coap://h/a", "path"),
    ("coap://h//", "path"), ("host:1?q", "path"), ("host#x", "path"),
    ("[::1:5700", "brackets"), ("::1]:5700", "brackets"), ("[host]:1", "brackets"),
    ("[]:1", "brackets"), ("[::1]5700", "brackets"), ("[::1]x:5700", "brackets"),
    ("[1.2.3.4]:5", "brackets"), ("[fe80::1%]:5", "brackets"),
    ("host name:5700", "host"), ("host\u{1B}:1", "host"), ("user@host", "host"),
    ("a..b", "host"), (".a", "host"), ("\"host\":1", "host"), ("höst", "host"),
    ("host：5682", "host"), ("5682", "host"), ("127.0.0.256:1", "host"), ("127.1:1", "host"),
    ("127.0.0.01", "host"), (":::1", "host"), ("1::2::3", "host"), ("1:2:3", "host"),
    ("1:2:3:4:5:6:7:8:9", "host"), ("12345::", "host"), ("1:2:", "host"), (":1:2", "host"),
    ("host:0", "port"), ("host:65536", "port"), ("host:", "port"), ("host:x", "port"),
    ("host:-1", "port"), ("host: 5", "port"), ("host:99999999999999999999", "port"),
    (String(repeating: "h", count: 256), "host"), (String(repeating: "h", count: 64), "host"),
    ("a." + String(repeating: "h", count: 64) + ".b:1", "host"),
    (String(repeating: "h.", count: 127) + "hh", "host"),
  ])
  func `what names none is refused with its reason`(text: String, expected: String) {
    #expect(read(text) == expected)
  }

  @Test func `no text traps, whatever its bytes and wherever it ends`() {
    for text in ["coaps://[2001:db8::192.0.2.1%eth0]:5684/", "host.example:65535", "::1"] {
      let bytes = Array(text.utf8)
      for count in 0...bytes.count {
        let start = Array(bytes[..<count])
        _ = try? EndpointText(start.span)
        for index in 0..<count {
          for bit in 0..<8 {
            var other = start
            other[index] ^= 1 << UInt8(bit)
            guard let endpoint = try? EndpointText(other.span) else { continue }
            #expect(!endpoint.host.isEmpty && endpoint.host.upperBound <= count)
          }
        }
      }
    }
  }

  @Test(arguments: [
    ("secret", "secret"), (" \t\r\n secret \u{0B}\u{0C}\n", "secret"),
    ("\u{FEFF}secret", "secret"), ("\u{FEFF}\u{FEFF} a b \u{A0}\u{200B}", "a b"),
    ("\u{3000}全角\u{3000}", "全角"), ("", ""), (" \u{FEFF} ", ""), ("\u{A0}", ""),
    ("é\u{85}", "é"), ("secret\u{2028}", "secret"), ("\u{2029}\u{1680}secret\u{205F}", "secret"),
    ("é\u{2030}", "é\u{2030}"),
  ])
  func `what copying leaves at a text's ends is taken off, and nothing within`(
    text: String,
    expected: String
  ) {
    let bytes = Array(text.utf8)
    let range = bytes.span.trimmed(0..<bytes.count)
    #expect(Array(bytes[range]) == Array(expected.utf8))
    // The beginning of an incomplete blank character stays.
    let cut = Array(expected.utf8) + [0xE3, 0x80]
    let kept = cut.span.trimmed(0..<cut.count)
    #expect(cut[kept].suffix(2) == [0xE3, 0x80])
  }

  @Test func `of all characters Unicode's white space is taken off, and two that have no width`() {
    for value in UInt32(1)...0x10_FFFF {
      guard let character = Unicode.Scalar(value) else { continue }
      let bytes = Array(String(Character(character)).utf8)
      let isBlank = character.properties.isWhitespace || value == 0x200B || value == 0xFEFF
      #expect(bytes.span.trimmed(0..<bytes.count).isEmpty == isBlank, "\(String(value, radix: 16))")
    }
  }

  @Test func `the first line is the first that is not empty`() {
    for (text, line) in [
      ("a\nb", "a"), ("\u{FEFF}\r\n\n a \r\nb", "a"), ("a", "a"), ("\n \n", ""), ("a\rb", "a"),
    ] {
      let bytes = Array(text.utf8)
      let range = bytes.span.firstLine(of: 0..<bytes.count)
      #expect(String(decoding: bytes[range], as: UTF8.self) == line)
    }
  }
}

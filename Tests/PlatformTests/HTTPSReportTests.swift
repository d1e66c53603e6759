// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Platform
import PlatformHTTPS
import TestSupport
import Testing

@Suite("Device guide 3.8: reports over HTTPS")
struct HTTPSReportTests {
  @Test(arguments: [
    ("https://h:443", "h:443"), (" HTTPS://[::1]/\n", "[::1]"), ("https:///", ""),
  ])
  func `an endpoint may have its scheme`(text: String, endpoint: String) throws {
    let bytes = Array(text.utf8)
    let scheme = HTTPSScheme(bytes.span)
    let range = try #require(scheme).endpoint
    #expect(String(decoding: bytes[range], as: UTF8.self) == endpoint)
  }

  @Test(arguments: [
    "", "https:/", "http://h", "httpsx//h", "xhttps://h", "https\u{1A}//h", "h:443",
  ])
  func `another scheme is none of HTTPS`(text: String) {
    let bytes = Array(text.utf8)
    let scheme = HTTPSScheme(bytes.span)
    #expect(scheme == nil)
  }

  @Test(arguments: [
    ("/PK/DN/user/update", "/topic/PK/DN/user/update"),
    ("/PK/a-b_c.d~e:f@g/x=1&y", "/topic/PK/a-b_c.d~e:f@g/x=1&y"),
    ("/PK/DN/user/50%?", "/topic/PK/DN/user/50%25%3F"),
    ("/PK/DN/user/温度", "/topic/PK/DN/user/%E6%B8%A9%E5%BA%A6"),
  ])
  func `a topic is the path, percent-encoded`(topic: String, path: String) throws {
    var output = FixedBytes<400>()
    let bytes = Array(topic.utf8)
    try output.write { (writer: inout ByteWriter) throws(CapacityError) in
      try HTTPSReportRequest.writePath(bytes.span, into: &writer)
    }
    #expect(String(decoding: array(output.bytes), as: UTF8.self) == path)
    var longest = FixedBytes<390>()
    let wide = Array(repeating: UInt8(0xFF), count: 128)
    try longest.write { (writer: inout ByteWriter) throws(CapacityError) in
      try HTTPSReportRequest.writePath(wide.span, into: &writer)
    }
    #expect(longest.count == 390)
  }

  @Test(
    arguments: [
      (200, 0, .accepted), (201, 0, .accepted), (200, nil, .foreign), (204, nil, .foreign),
      (200, 10_000, .later), (200, 10_001, .refused), (200, 20_000, .credentials),
      (200, 20_001, .authenticateAgain), (200, 20_002, .credentials),
      (200, 20_003, .authenticateAgain), (200, 20_004, .later), (200, 30_001, .later),
      (200, 40_000, .later),
      // A code that the guide does not have.
      (200, 7, .foreign), (403, 7, .foreign), (503, 7, .later),
      // Beside another status.
      (500, 0, .later), (500, nil, .later), (503, 10_001, .later), (429, nil, .later),
      (408, nil, .later), (425, nil, .later), (429, 40_000, .later),
      // Of a proxy or another front end.
      (400, nil, .foreign), (403, nil, .foreign), (404, nil, .foreign), (404, 0, .foreign),
      (405, nil, .foreign), (407, nil, .foreign), (410, nil, .foreign), (413, nil, .foreign),
      (421, nil, .foreign), (400, 10_001, .refused),
      (401, nil, .authenticateAgain), (401, 20_001, .authenticateAgain),
      (403, 20_000, .credentials),
      (302, nil, .foreign), (302, 0, .foreign), (100, nil, .foreign), (0, nil, .foreign),
    ] as [(UInt16, UInt64?, HTTPSReaction)]
  )
  func `each status and code has a reaction`(
    status: UInt16,
    code: UInt64?,
    reaction: HTTPSReaction
  ) {
    let code = code.map { HTTPSCode(rawValue: $0) }
    #expect(HTTPSReaction(status: status, code: code) == reaction)
  }

  /// The first three are RFC 9110's own; the others were computed with GNU date.
  @Test(
    arguments: [
      ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
      ("Sunday, 06-Nov-94 08:49:37 GMT", 784_111_777),
      ("Sun Nov  6 08:49:37 1994", 784_111_777),
      ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Tue, 29 Feb 2028 23:59:60 GMT", 1_835_481_599),
      ("Wed Nov 16 08:49:37 1994", 784_975_777), ("Friday, 31-Dec-69 23:59:59 GMT", 3_155_759_999),
      ("Fri, 31 Dec 9999 23:59:59 GMT", 253_402_300_799),
      ("", nil), ("x", nil), ("Sun, 06 Nov 1994 08:49:37", nil),
      ("Sun, 06 Nov 1994 08:49:37 UTC", nil), ("Sun, 06 Nov 1994 24:00:00 GMT", nil),
      ("Sun, 31 Nov 1994 08:49:37 GMT", nil), ("Wed, 29 Feb 2023 08:49:37 GMT", nil),
      ("Wed, 31 Dec 1969 23:59:59 GMT", nil), ("Sun, 06 nov 1994 08:49:37 GMT", nil),
      ("Sun, 06 Nov 1994 08:49:37 GMT ", nil), ("Sun, 6 Nov 1994 08:49:37 GMT", nil),
      ("784111777", nil), ("Sun, 00 Nov 1994 08:49:37 GMT", nil),
    ] as [(String, UInt64?)]
  )
  func `a date of RFC 9110 5.6.7 in its three forms`(text: String, seconds: UInt64?) {
    let bytes = Array(text.utf8)
    #expect(HTTPDate.seconds(bytes.span) == seconds)
  }

  @Test(
    arguments: [
      ("120", "", 120), ("0", "", 0), ("99999999999999999999", "", 3_600), ("3601", "", 3_600),
      ("Sun, 06 Nov 1994 08:50:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 60),
      ("Sun, 06 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 0),
      ("Mon, 07 Nov 1994 08:49:36 GMT", "Sun, 06 Nov 1994 08:49:37 GMT", 3_600),
      ("Sun, 06 Nov 1994 08:50:37 GMT", "", nil), ("", "", nil), ("-1", "", nil), ("1.5", "", nil),
      ("soon", "Sun, 06 Nov 1994 08:49:37 GMT", nil),
    ] as [(String, String, UInt32?)]
  )
  func `Retry-After is a wait of an hour at most`(
    field: String,
    date: String,
    wait: UInt32?
  ) {
    let (field, date) = (Array(field.utf8), Array(date.utf8))
    #expect(HTTPDate.wait(field.span, now: HTTPDate.seconds(date.span)) == wait)
  }

  @Test func `no flipped bit and no cut of a date traps`() {
    for text in [
      "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
    ] {
      let bytes = Array(text.utf8)
      for bit in 0..<bytes.count * 8 {
        var flipped = bytes
        flipped[bit / 8] ^= 1 << (bit % 8)
        _ = HTTPDate.seconds(flipped.span)
      }
      for count in bytes.indices {
        let cut = Array(bytes[..<count])
        #expect(HTTPDate.seconds(cut.span) == nil)
      }
    }
  }
}

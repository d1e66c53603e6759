// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Protocol facts 2.3: the platform's own SDKs over DTLS")
struct SDKHandshakeTests {
  static let doubt = "most likely another secret"

  private static func key(_ identity: String, _ secret: [UInt8] = Bench.secret) throws -> [UInt8] {
    let parts = identity.split(separator: "|")
    let content = Array("id\(parts[2])timestamp\(parts[3])".utf8)
    let mac = try Hash.sha256.hmac(key: secret.span, content: content.span)
    return Array(hexText(mac.bytes).uppercased().utf8)
  }

  static let identity = "devicename|hmacsha256|pk&device|2524608000000"

  @Test(arguments: ["AES128-SHA", "AES128-SHA256", "AES256-SHA", "AES256-SHA256"])
  func `a device without elliptic curves comes in with static RSA and CBC`(suite: String) throws {
    let bench = try SDKSecureBench()
    let device = try SDKHandshake(suites: suite, authorities: bench.rsa.authority)
    bench.shakeHands(device)
    #expect(device.state == .established)
    #expect(bench.notes == ["session made with \(suite)"])
  }

  @Test(arguments: [
    "PSK-AES128-CBC-SHA", "PSK-AES128-CBC-SHA256", "PSK-AES256-CBC-SHA", "PSK-AES256-CBC-SHA384",
  ])
  func `a device with the C SDK 4 comes in with a pre-shared key and CBC`(suite: String) throws {
    let bench = try SDKSecureBench()
    let device = try SDKHandshake(
      suites: suite,
      identity: Self.identity,
      key: try Self.key(Self.identity)
    )
    bench.shakeHands(device)
    #expect(device.state == .established)
    #expect(bench.notes == ["session made with \(suite)"])
  }

  @Test(arguments: ["AES128-SHA", "PSK-AES128-CBC-SHA"])
  func `without legacy suites the refusal names their switch`(suite: String) throws {
    let bench = try SDKSecureBench { $0.dtls.allowsLegacySuites = false }
    let isKeyed = suite.hasPrefix("PSK")
    let device = try SDKHandshake(
      suites: suite,
      authorities: isKeyed ? [] : bench.rsa.authority,
      identity: isKeyed ? Self.identity : "",
      key: isKeyed ? try Self.key(Self.identity) : []
    )
    bench.shakeHands(device)
    #expect(device.state != .established)
    #expect(
      bench.notes.contains { $0.hasSuffix("; --legacy-suites takes \(suite), which it offers") }
    )
  }

  @Test(arguments: [
    ("ECDHE-RSA-AES128-SHA", true), ("ECDHE-RSA-AES128-GCM-SHA256", true),
    ("ECDHE-RSA-CHACHA20-POLY1305", true), ("AES128-GCM-SHA256", false), ("AES128-CCM8", false),
    ("AES256-GCM-SHA384", false), ("ECDHE-ECDSA-AES128-SHA", false), ("DHE-RSA-AES128-SHA", false),
    ("ECDHE-RSA-AES256-SHA", false),
  ])
  func `the switch is named exactly where it takes the suite`(suite: String, isTaken: Bool) throws {
    // Without the leniency there is no certificate with an RSA key.
    let strict = try SDKSecureBench {
      $0.dtls.allowsLegacySuites = false
      $0.dtls.rsaCertificate = []
      $0.dtls.rsaKey = []
    }
    let refused = try SDKHandshake(suites: suite, authorities: strict.rsa.authority)
    strict.shakeHands(refused)
    #expect(refused.state != .established)
    #expect(strict.notes.contains { $0.contains("no suite that is taken") })
    #expect(strict.notes.contains { $0.contains("--legacy-suites") } == isTaken)
    let bench = try SDKSecureBench()
    let device = try SDKHandshake(suites: suite, authorities: bench.rsa.authority)
    bench.shakeHands(device)
    #expect((device.state == .established) == isTaken)
    #expect(!bench.notes.contains { $0.contains("--legacy-suites") })
  }

  @Test func `of several suites those are named that the switch takes`() throws {
    let bench = try SDKSecureBench { $0.dtls.allowsLegacySuites = false }
    let suites = "AES256-GCM-SHA384:AES256-SHA:PSK-AES128-CBC-SHA"
    let device = try SDKHandshake(
      suites: suites,
      identity: Self.identity,
      key: try Self.key(Self.identity)
    )
    bench.shakeHands(device)
    #expect(
      bench.notes.contains {
        $0.hasSuffix("; --legacy-suites takes AES256-SHA, PSK-AES128-CBC-SHA, which it offers")
      }
    )
  }

  @Test func `a device with elliptic curves is shown the other certificate`() throws {
    let bench = try SDKSecureBench()
    for (suites, authority) in [
      ("ECDHE-ECDSA-AES128-GCM-SHA256:AES128-SHA", bench.issued.authority),
      ("ECDHE-RSA-AES128-GCM-SHA256", bench.rsa.authority),
    ] {
      let device = try SDKHandshake(suites: suites, authorities: authority)
      bench.shakeHands(device)
      #expect(device.state == .established)
      #expect(suites.hasPrefix(device.suite))
    }
  }

  @Test func `a server whose own certificate has an RSA key needs no other`() throws {
    let bench = try SDKSecureBench {
      $0.dtls.certificate = $0.dtls.rsaCertificate
      $0.dtls.key = $0.dtls.rsaKey
      $0.dtls.rsaCertificate = []
      $0.dtls.rsaKey = []
    }
    let device = try SDKHandshake(suites: "AES128-SHA", authorities: bench.rsa.authority)
    bench.shakeHands(device)
    #expect(device.state == .established)
  }

  @Test(arguments: [SDK.v2, .v3])
  func `auth without seq and a plain report, over static RSA`(sdk: SDK) throws {
    let bench = try SDKSecureBench { $0.leniencies = Set(Leniency.allCases) }
    let device = try SDKHandshake(suites: "AES128-SHA256", authorities: bench.rsa.authority)
    bench.shakeHands(device)
    try exchange(sdk, bench, device, isTolerant: true)
    let strict = try SDKSecureBench()
    let other = try SDKHandshake(suites: "AES128-SHA256", authorities: strict.rsa.authority)
    strict.shakeHands(other)
    try exchange(sdk, strict, other, isTolerant: false)
  }

  @Test func `the same with the C SDK 4 and its pre-shared key`() throws {
    for isTolerant in [true, false] {
      let bench = try SDKSecureBench { $0.leniencies = isTolerant ? Set(Leniency.allCases) : [] }
      let device = try SDKHandshake(
        suites: "PSK-AES128-CBC-SHA",
        identity: Self.identity,
        key: try Self.key(Self.identity)
      )
      bench.shakeHands(device)
      try exchange(.v4, bench, device, isTolerant: isTolerant)
    }
  }

  /// The SDK's `/auth` and report in an association.
  private func exchange(
    _ sdk: SDK,
    _ bench: SDKSecureBench,
    _ device: SDKHandshake,
    isTolerant: Bool
  ) throws {
    let helper = try SecureBench()
    let json = Array(try sdk.authenticationJSON(isSecure: true).utf8)
    let request = try helper.request(["auth"], SDK.options(sdk.authentication), json)
    let answer = try bench.send(request, device)
    let message = try MessageView(answer.span)
    let first = try #require(bench.records.last)
    guard isTolerant || sdk.authentication[12] != nil else {
      #expect(message.code == .unsupportedContentFormat)
      #expect(String(decoding: array(message.payload), as: UTF8.self) == first.note)
      #expect(first.note.contains("--tolerant"))
      return
    }
    #expect(message.code == .content)
    #expect(
      Set(first.tolerated.map(\.leniency))
        == sdk.leniencies.authentication.subtracting([.hexadecimalSequence])
    )
    let token = try #require(PayloadValue(array(message.payload), .json)?["token"]?.string)
    let options = SDK.options(sdk.report) + [(sdk.tokenOption, Array(token.utf8))]
    let path = ["topic", "pk", "device", "user", "update"]
    let reported = try bench.send(try helper.request(path, options, Array("x".utf8)), device)
    let reply = try MessageView(reported.span)
    let report = try #require(bench.records.last)
    if isTolerant {
      #expect(reply.code == .content)
      #expect(report.payload == Array("x".utf8))
      #expect(
        Set(report.tolerated.map(\.leniency))
          == sdk.leniencies.report.subtracting([.offsetAsSequence])
      )
    } else {
      #expect(reply.code.class == 4)
      // Over DTLS the response carries the reason in plaintext.
      #expect(String(decoding: array(reply.payload), as: UTF8.self) == report.note)
      #expect(report.note.contains("--tolerant"))
    }
  }

  static let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]]

  /// Splits the flight of ClientKeyExchange, ChangeCipherSpec and Finished into three datagrams, in
  /// that order.
  private static func cut(_ order: [Int]) -> ([UInt8]) -> [[UInt8]] {
    { datagram in
      let records = SDKSecureBench.recordsOf(datagram)
      guard records.count == 3, records[1][0] == 20 else { return records }
      return order.map { records[$0] }
    }
  }

  @Test(arguments: orders, [true, false])
  func `a good handshake whose end comes in three datagrams is not called wrong`(
    order: [Int],
    isKeyed: Bool
  ) throws {
    let bench = try SDKSecureBench()
    bench.cut = Self.cut(order)
    let device = try SDKHandshake(
      suites: isKeyed ? "PSK-AES128-CBC-SHA" : "AES128-SHA",
      authorities: isKeyed ? [] : bench.rsa.authority,
      identity: isKeyed ? Self.identity : "",
      key: isKeyed ? try Self.key(Self.identity) : []
    )
    bench.shakeHands(device)
    #expect(device.state == .established)
    #expect(bench.notes.count == 1)
    #expect(!bench.notes.contains { $0.contains(Self.doubt) })
  }

  @Test(arguments: [[0, 1, 2], [0, 2, 1], [2, 0, 1]])
  func `another secret is told of once, in whatever datagrams it comes`(order: [Int]) throws {
    for isCut in [true, false] {
      let bench = try SDKSecureBench()
      if isCut { bench.cut = Self.cut(order) }
      let device = try SDKHandshake(
        suites: "PSK-AES128-CBC-SHA",
        identity: Self.identity,
        key: try Self.key(Self.identity, Array("another".utf8))
      )
      bench.shakeHands(device)
      #expect(device.state != .established)
      #expect(bench.notes.count { $0.contains(Self.doubt) } == 1, "\(bench.notes)")
    }
  }

  @Test func `the sign method of an identity may be in any case where that is granted`() throws {
    for method in ["HMACSHA256", "HmacSHA256"] {
      let identity = "devicename|\(method)|pk&device|1"
      let granted = try SDKSecureBench { $0.leniencies = [.signMethodCase] }
      let device = try SDKHandshake(
        suites: "PSK-AES128-CBC-SHA",
        identity: identity,
        key: try Self.key(identity)
      )
      granted.shakeHands(device)
      #expect(device.state == .established)
      let record = try #require(granted.records.last)
      #expect(record.tolerated.map(\.leniency) == [.signMethodCase])
      #expect(record.toleratedLines.count == 1)
      let strict = try SDKSecureBench { $0.leniencies = [.number] }
      let other = try SDKHandshake(
        suites: "PSK-AES128-CBC-SHA",
        identity: identity,
        key: try Self.key(identity)
      )
      strict.shakeHands(other)
      #expect(other.state != .established)
      #expect(
        strict.notes.contains { $0.contains("identity is unknown") && $0.contains("--tolerant") }
      )
    }
  }

  @Test func `an altered last flight is no trap, and another device comes in beside it`() throws {
    let bench = try SDKSecureBench()
    for index in stride(from: 0, to: 400, by: 7) {
      let device = try SDKHandshake(suites: "AES128-SHA", authorities: bench.rsa.authority)
      bench.cut = { datagram in
        guard SDKSecureBench.recordsOf(datagram).count == 3 else { return [datagram] }
        var altered = datagram
        altered[index % altered.count] ^= 0x55
        return [altered, Array(altered.prefix(index)), datagram]
      }
      device.start(at: bench.now)
      bench.exchange(device)
    }
    bench.cut = { [$0] }
    let good = try SDKHandshake(suites: "AES128-SHA", authorities: bench.rsa.authority)
    bench.shakeHands(good)
    #expect(good.state == .established)
  }
}

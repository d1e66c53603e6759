// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import DeviceDriver
import DurableReports
import DurableWorld
import Foundation
import HTTPSChannel
import HTTPSLayer
import HTTPSLink
import HTTPSPeers
import OpenSSLSupport
import Platform
import ReportLink
import SystemClocks
import Testing

private typealias Device = DurableDevice<HTTPSLink<HTTPSChannel, SystemRandom>>

extension DurableDevice where Link == HTTPSLink<HTTPSChannel, SystemRandom> {
  /// A durable device over HTTPS, with a server of the tests as its platform.
  fileprivate convenience init(_ peer: HTTPSPeer, in folder: URL, clientID: String = "12345") throws
  {
    let host = Array("127.0.0.1".utf8)
    let authorities = peer.authorities
    let channel = try HTTPSChannel(
      HTTPSChannelSettings(host: host.span, port: peer.port),
      authorities: authorities.span
    )
    var settings = HTTPSLinkSettings()
    settings.answerTimeout = Milliseconds(1_500)
    settings.retry = Milliseconds(20)
    let (key, name, id) = (Array("pk".utf8), Array("device".utf8), Array(clientID.utf8))
    let link = try HTTPSLink(
      identity: DeviceIdentity(productKey: key.span, deviceName: name.span, clientID: id.span),
      secret: makeSecret(Array("secret".utf8)),
      settings: settings,
      layer: channel,
      randomness: SystemRandom()
    )
    try self.init(link, in: folder)
  }

  /// Drives it until nothing waits; what was delivered and refused.
  ///
  /// `nil` after so many seconds.
  fileprivate func drive(
    within seconds: Int64 = 60
  ) -> (delivered: [UInt64], rejected: [UInt64])? {
    var (delivered, rejected): ([UInt64], [UInt64]) = ([], [])
    let isDone = drive(within: seconds, untilEmpty: true) { event in
      switch event {
      case .delivered(let id): delivered.append(id)
      case .rejected(let id): rejected.append(id)
      default: break
      }
      return false
    }
    return isDone ? (delivered, rejected) : nil
  }
}

@Suite("A durable device over HTTPS, with a TLS server as its platform")
struct DurableHTTPSTests {
  /// Each of these fails the first time that it is asked for, each in its way.
  private static let ways = [
    "never-once", "dead-once", "cut-once", "garbage-once", "text-once", "none-once",
    "long-body-once", "long-head-once", "interim-once", "redirect-once", "drip-once",
    "status-503-once", "code-10000-once", "code-20001-once", "code-20003-once", "code-30001-once",
    "chunked", "continue", "http10", "http10-bare", "close", "close-unsaid",
  ]

  @Test
  func `each report arrives whatever the server does, and none is delivered twice`() throws {
    try withFolder { folder in
      let peer = try HTTPSPeer()
      let device = try Device(peer, in: folder)
      var accepted: [UInt64: String] = [:]
      for (number, way) in Self.ways.enumerated() {
        accepted[try device.accept("{\"n\":\(number)}", to: way)] = "{\"n\":\(number)}"
      }
      let (delivered, rejected) = try #require(device.drive())
      #expect(rejected.isEmpty)
      #expect(delivered.count == accepted.count)
      #expect(Set(delivered) == Set(accepted.keys))
      let requests = try peer.requests()
      for text in accepted.values {
        #expect(requests.contains { $0.text == text })
      }
      // No token in a path, and none but in its field.
      #expect(requests.allSatisfy { !$0.path.contains("token") })
      // One authentication to begin with, and one for each token that was refused.
      #expect(requests.filter { $0.path == "/auth" }.count == 3)
    }
  }

  @Test(.timeLimit(.minutes(15)))
  func `a thousand reports arrive through a server that fails a tenth of the requests`() throws {
    try withFolder { folder in
      let peer = try HTTPSPeer()
      let device = try Device(peer, in: folder)
      var accepted: Set<UInt64> = []
      var delivered: [UInt64] = []
      for start in stride(from: 0, to: 1_000, by: 100) {
        for number in start..<start + 100 {
          accepted.insert(try device.accept("{\"n\":\(number)}", to: "tenth"))
        }
        let (some, rejected) = try #require(device.drive(within: 200))
        #expect(rejected.isEmpty)
        delivered += some
      }
      #expect(delivered.count == 1_000 && Set(delivered) == accepted)
      let seen = try peer.requests()
      #expect(Set(seen.map(\.text)).isSuperset(of: (0..<1_000).map { "{\"n\":\($0)}" }))
      // Each failure costs one more request, and a refused token two.
      #expect(seen.count < 1_200)
    }
  }

  @Test
  func `the token is kept over a restart, and what is refused for good is told`() throws {
    try withFolder { folder in
      let peer = try HTTPSPeer()
      do {
        let device = try Device(peer, in: folder)
        _ = try device.accept("{}", to: "good")
        _ = try #require(device.drive())
        device.driver.close()
      }
      let device = try Device(peer, in: folder)
      let refused = try device.accept("{}", to: "code-10001")
      let (delivered, rejected) = try #require(device.drive())
      #expect(delivered.isEmpty)
      #expect(rejected == [refused])
      #expect(try peer.requests().filter { $0.path == "/auth" }.count == 1)
    }
  }

  @Test(arguments: [
    "bare-400", "bare-403", "bare-404", "bare-405", "bare-407", "bare-410", "bare-413", "bare-421",
    "bare-401", "code-99999", "text", "redirect", "long-body", "long-head", "garbage", "dead",
    "cut", "close-early",
  ])
  func `a topic at which no answer is the platform's loses nothing, and the others go on`(
    kind: String
  ) throws {
    try withFolder { folder in
      let peer = try HTTPSPeer()
      let device = try Device(peer, in: folder)
      let bad = try device.accept("{}", to: kind)
      let good = try (0..<6).map { _ in try device.accept("{}", to: "good") }
      var (delivered, others): ([UInt64], [DurableEvent]) = ([], [])
      let isDone = device.drive(within: 20) { event in
        switch event {
        case .delivered(let id): delivered.append(id)
        case .postponed(let id): #expect(id == bad)
        case .authenticated: break
        default: others.append(event)
        }
        return delivered.count == good.count
      }
      #expect(isDone && delivered == good && others.isEmpty, "\(delivered) \(others)")
      #expect(device.driver.reports.pendingReports == 1)
    }
  }

  @Test(arguments: ["no-token-once", "text-once", "dead-once", "code-10000-once", "drip-once"])
  func `an authentication that fails is made again`(clientID: String) throws {
    try withFolder { folder in
      let peer = try HTTPSPeer()
      let device = try Device(peer, in: folder, clientID: clientID)
      let id = try device.accept("{}", to: "good")
      let (delivered, _) = try #require(device.drive())
      #expect(delivered == [id])
      #expect(try peer.requests().map(\.path) == ["/auth", "/auth", "/topic/pk/device/user/good"])
    }
  }
}

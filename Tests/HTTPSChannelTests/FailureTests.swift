// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import HTTPSChannel
import HTTPSLayer
import HTTPSPeers
import Testing

@Suite("HTTPS servers that fail")
struct FailureTests {
  @Test(arguments: [("never", 1_500), ("drip", 3_500)])
  func `A server that does not come to an end is given up in time`(
    _ kind: String,
    _ limit: Int64
  ) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    let start = Date()
    #expect(client.post("/topic/\(kind)", limit: limit) == .failed(.timedOut, wasSent: true))
    #expect(Date().timeIntervalSince(start) < Double(limit) / 1_000 + 3)
    // The connection is not used again.
    #expect(client.post("/topic/ok") == .answered)
    #expect(try peer.requests().map(\.connection) == [1, 2])
  }

  @Test(arguments: ["long-body", "endless", "long-head", "long-line", "interim"])
  func `An answer over 64 KB is cut, and the next request has a new connection`(
    _ kind: String
  ) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/\(kind)") == .failed(.tooLong, wasSent: true))
    #expect(client.count == 0)
    #expect(client.post("/topic/ok") == .answered)
    #expect(try peer.requests().map(\.connection) == [1, 2])
  }

  @Test
  func `An answer of exactly 64 KB is taken`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/full-body") == .answered)
    #expect(client.count == 65_536)
  }

  @Test(arguments: [
    ("dead", HTTPSFailure.broken), ("cut", .broken), ("garbage", .notHTTP),
  ])
  func `An answer that is broken off or no HTTP is a failure`(
    _ kind: String,
    _ failure: HTTPSFailure
  ) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/\(kind)") == .failed(failure, wasSent: true))
    #expect(client.post("/topic/ok") == .answered)
  }

  /// A signal, SIGPIPE, would end the tests.
  @Test
  func `A server that closes before it has the body is a failure, and no signal comes`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    let body = [UInt8](repeating: 1, count: 131_072)
    for _ in 0..<3 {
      #expect(client.post("/topic/early", body) == .failed(.broken, wasSent: true))
    }
    #expect(client.post("/topic/ok", body) == .answered)
  }

  @Test(arguments: [
    ("misnamed", HTTPSFailure.serverName), ("foreign", .unknownAuthority), ("expired", .expired),
    ("unnamed", .serverName), ("wildcard", .serverName),
  ])
  func `A certificate that is not the server's is refused before anything is sent`(
    _ certificate: String,
    _ failure: HTTPSFailure
  ) throws {
    let peer = try HTTPSPeer(certificate: certificate)
    let client = try Client(peer, host: "localhost")
    #expect(client.post("/topic/ok") == .failed(failure, wasSent: false))
    #expect(try peer.requests().isEmpty)
  }

  @Test
  func `TLS before 1.2 is refused`() throws {
    let peer = try HTTPSPeer(isOld: true)
    let client = try Client(peer)
    #expect(client.post("/topic/ok") == .failed(.handshake, wasSent: false))
  }

  @Test
  func `Authorities that are none, and none at all, are told of`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer, authorities: Array("no certificate".utf8))
    #expect(client.post("/topic/ok") == .failed(.authorities, wasSent: false))
    #expect(throws: HTTPSChannelError.authorities) { try Client(peer, authorities: []) }
  }

  @Test
  func `A port that nobody listens on, and a name without an address, are told apart`() throws {
    let peer = try HTTPSPeer()
    // Nobody listens on port 1.
    let nobody = try Client(peer) { $0.port = 1 }
    #expect(nobody.post("/topic/ok") == .failed(.unreachable, wasSent: false))
    let nameless = try Client(peer, host: "nowhere.invalid")
    #expect(nameless.post("/topic/ok") == .failed(.unresolved, wasSent: false))
  }
}

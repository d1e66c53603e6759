// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import HTTPSChannel
import HTTPSLayer
import HTTPSPeers
import Testing

@Suite("HTTPS requests over libcurl")
struct ChannelTests {
  @Test
  func `One connection serves all requests, and the token is in the field password alone`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    for number in 1...3 {
      #expect(client.post("/topic/PK/DN/user/ok", Array("report \(number)".utf8)) == .answered)
      #expect(client.status == 200)
      let message = 892_687_627_916_247_039 + number
      #expect(client.text == #"{"code":0,"message":"success","info":{"messageId":\#(message),}}"#)
      #expect(client.connections == (number == 1 ? 1 : 0))
    }
    let requests = try peer.requests()
    #expect(requests.map(\.connection) == [1, 1, 1])
    #expect(requests.map(\.text) == ["report 1", "report 2", "report 3"])
    for request in requests {
      #expect(request.method == "POST")
      #expect(request.path == "/topic/PK/DN/user/ok")
      #expect(request.version == "HTTP/1.1")
      // What libcurl would add beside them is left out: the bytes are the device's.
      #expect(
        request.fields == [
          "host": "127.0.0.1:\(peer.port)", "content-type": "application/octet-stream",
          "password": "token", "content-length": "8",
        ]
      )
    }
  }

  @Test
  func `A closed connection is made again, and its TLS session is resumed`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/ok") == .answered)
    client.close()
    #expect(client.post("/topic/ok") == .answered)
    let requests = try peer.requests()
    #expect(requests.map(\.connection) == [1, 2])
    #expect(requests.map(\.resumed) == [false, true])
  }

  @Test
  func `A program that is started does not get the connection`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/ok") == .answered)
    // Those of this process that lead to the server.
    let connections = (3..<Int32(1_024)).filter { descriptor in
      var address = sockaddr_in()
      var count = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isConnected = unsafe withUnsafeMutablePointer(to: &address) { address in
        unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          unsafe getpeername(descriptor, $0, &count) == 0
        }
      }
      return isConnected && UInt16(bigEndian: address.sin_port) == peer.port
    }
    #expect(connections.count == 1)
    for connection in connections { #expect(fcntl(connection, F_GETFD) & FD_CLOEXEC != 0) }
  }

  @Test(arguments: ["close", "close-unsaid", "http10", "http10-bare"])
  func `A server that closes after each answer is connected to again`(_ kind: String) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    for _ in 1...3 {
      #expect(client.post("/topic/\(kind)", Array("report".utf8)) == .answered)
      #expect(client.status == 200)
      #expect(client.text.hasPrefix(#"{"code":0"#))
    }
    let requests = try peer.requests()
    #expect(requests.map(\.connection) == [1, 2, 3])
    #expect(requests.allSatisfy { $0.text == "report" })
  }

  @Test(arguments: ["chunked", "continue"])
  func `An answer in pieces or after an interim one is taken whole`(_ kind: String) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    for _ in 1...2 {
      #expect(client.post("/topic/\(kind)") == .answered)
      #expect(client.status == 200)
      #expect(client.text.hasPrefix(#"{"code":0"#) && client.text.hasSuffix("}"))
      // The field Date of the interim answer, and that of the trailers, is not the answer's.
      #expect(client.date.isEmpty)
    }
    #expect(try peer.requests().map(\.connection) == [1, 1])
  }

  @Test
  func `Date and Retry-After are handed out, and a redirect is an answer like others`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/late") == .answered)
    #expect(client.date == "Sun, 06 Nov 1994 08:49:37 GMT")
    #expect(client.post("/topic/status-503") == .answered)
    #expect(client.status == 503)
    #expect(client.retryAfter == "7")
    #expect(client.date.isEmpty)
    #expect(client.post("/topic/redirect") == .answered)
    #expect(client.status == 302)
    #expect(try peer.requests().count == 3)
  }

  @Test(arguments: [0, 1, 131_072])
  func `A body arrives whole without asking for 100 Continue`(_ count: Int) throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    #expect(client.post("/topic/ok", body) == .answered)
    // The held body stays for another request.
    #expect(client.begin("/topic/ok"))
    #expect(client.wait(10_000) == .answered)
    let requests = try peer.requests()
    #expect(requests.map(\.size) == [count, count])
    #expect(requests[0].digest == requests[1].digest)
    #expect(requests[0].fields["expect"] == nil)
  }

  @Test
  func `A request with a body of its own leaves the held one alone`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    let (held, own) = (Array("held".utf8), Array(#"{"clientId":"ok"}"#.utf8))
    #expect(client.hold(held))
    #expect(try client.authenticate(own))
    // One at a time.
    #expect(!client.begin("/topic/ok"))
    #expect(!client.hold(held))
    #expect(client.wait(10_000) == .answered)
    #expect(client.begin("/topic/ok"))
    #expect(client.wait(10_000) == .answered)
    let requests = try peer.requests()
    #expect(requests.map(\.text) == [#"{"clientId":"ok"}"#, "held"])
    #expect(requests[0].fields["content-type"] == "application/json")
    #expect(requests[0].fields["password"] == nil)
  }

  @Test
  func `A request that is sent again over another connection counts twice`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.post("/topic/ok") == .answered)
    #expect(client.sends == 1)
    // The server takes it, and closes the connection without an answer.
    #expect(client.post("/topic/dead-once") == .answered)
    #expect(client.sends == 2)
    #expect(try peer.requests().count == 3)
    #expect(client.post("/topic/ok") == .answered)
    #expect(client.sends == 1)
  }

  @Test
  func `A request without a connection was not sent`() throws {
    let peer = try HTTPSPeer()
    let closed = try PlainServer(answer: nil)
    let port = closed.port
    closed.stop()
    let client = try Client(peer) { $0.port = port }
    #expect(client.post("/topic/ok") == .failed(.unreachable, wasSent: false))
    #expect(client.sends == 0)
  }

  @Test(arguments: [(nil, HTTPSFailure.broken), ("HTTP/1.1 400 No\r\n\r\n", .handshake)])
  func `A server without TLS is refused, one that closes amid the handshake is not`(
    answer: String?,
    failure: HTTPSFailure
  ) throws {
    let peer = try HTTPSPeer()
    let server = try PlainServer(answer: answer)
    defer { server.stop() }
    let client = try Client(peer) { $0.port = server.port }
    #expect(client.post("/topic/ok") == .failed(failure, wasSent: false))
    #expect(client.sends == 0)
  }

  @Test
  func `A cancelled request ends without an event, and the next one is another`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    #expect(client.begin("/topic/never"))
    #expect(client.wait(300) == nil)
    client.cancel()
    #expect(client.event == nil)
    #expect(client.post("/topic/ok") == .answered)
    #expect(try peer.requests().map(\.path) == ["/topic/never", "/topic/ok"])
  }

  @Test(arguments: ["", "http://host", "host/path", "host?", "user@host", "host:80:é"])
  func `A host that is none is refused before anything is sent`(_ host: String) {
    #expect(throws: HTTPSChannelError.host) {
      let settings = try HTTPSChannelSettings(host: Array(host.utf8).span)
      _ = try HTTPSChannel(settings, authorities: [1].span)
    }
  }

  @Test
  func `A path or a token that would change the request is refused`() throws {
    let peer = try HTTPSPeer()
    let client = try Client(peer)
    for path in ["", "topic", "/topic/a b", "/topic/\r\nX: y", "/topic/é"] {
      #expect(!client.begin(path))
    }
    #expect(!client.begin("/topic/ok", password: "a\r\nX: y"))
    #expect(try peer.requests().isEmpty)
  }
}

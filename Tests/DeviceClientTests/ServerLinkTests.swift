// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPLink
import ConstrainedCore
import DTLSSecurity
import DeviceClient
import Glibc
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing

@testable import UDPTransport

/// A link that can be asked in an expectation.
private final class Link {
  private var link: ServerLink

  init(_ host: String, _ addresses: [String] = []) {
    link = ServerLink(host: Array(host.utf8).span, addresses: addresses, port: 9)
  }

  func open() throws -> Bool { try link.open() }
  func fail() -> Bool { link.fail() }
  func confirm() { link.confirm() }
  func close() { link.close() }
  var descriptor: Int32 { link.descriptor }
  var isResolving: Bool { link.isResolving }

  /// Waits until there is a socket, and says which address it goes to.
  func peer() throws -> String {
    while try !link.open() {
      var entry = pollfd(fd: link.descriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&entry, 1, -1)
    }
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = link.socket.descriptor
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getpeername(descriptor, $0, &length)
      }
    }
    try #require(result == 0)
    return "127.0.0.\(UInt32(bigEndian: address.sin_addr.s_addr) & 0xFF)"
  }
}

@Suite("The server's addresses (RFC 6724 Section 2), and sockets that fail")
struct ServerLinkTests {
  @Test func `one address after the other is tried, then the name is looked up anew`() throws {
    let link = Link("localhost", ["127.0.0.2", "127.0.0.3"])
    #expect(link.descriptor == -1)
    #expect(try link.peer() == "127.0.0.2")
    #expect(link.fail())
    #expect(try link.peer() == "127.0.0.3")
    #expect(!link.fail())
    #expect(!link.fail(), "there is no socket that could fail")
    #expect(try !link.open())
    #expect(link.isResolving && link.descriptor >= 0)
    #expect(try link.peer() != "127.0.0.3")
    #expect(!link.isResolving)
  }

  @Test func `an address that has answered is looked up anew before the next one is tried`() throws
  {
    let link = Link("127.0.0.3", ["127.0.0.2", "127.0.0.3", "127.0.0.4"])
    #expect(try link.peer() == "127.0.0.2")
    #expect(link.fail())
    #expect(try link.peer() == "127.0.0.3")
    link.confirm()
    // What failed is the network.
    #expect(!link.fail())
    #expect(try link.peer() == "127.0.0.3")
    #expect(!link.fail())
  }

  @Test(arguments: ["", "a\0b", "256.256.256.256.", String(repeating: "a", count: 256)])
  func `what is no host's name is an unknown host`(_ name: String) throws {
    let link = Link(name)
    do {
      _ = try link.peer()
      Issue.record("\(name) has an address")
    } catch let error as TransportError {
      guard case .unknownHost = error else { throw error }
    }
    #expect(link.descriptor == -1)
  }

  @Test func `a lookup that nobody waits for any more holds nothing up`() throws {
    for _ in 0..<100 {
      let link = Link("localhost")
      _ = try link.open()
      link.close()
      #expect(link.descriptor == -1)
    }
  }

  /// As after an ICMP message that a fragment is needed: EMSGSIZE.
  @Test func `a datagram that is too long is lost, and the socket is good`() throws {
    let silent = try LoopbackSocket()
    defer { silent.close() }
    let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: silent.port)
    try socket.send([UInt8](repeating: 0, count: 65_508).span)
    try socket.send([UInt8](repeating: 7, count: 100).span)
    LoopbackSocket.wait(for: [silent], milliseconds: 10_000)
    #expect(silent.receive()?.bytes == [UInt8](repeating: 7, count: 100))
    #expect(silent.receive() == nil)
  }

  /// RFC 7252 Section 5.3.2: a response comes from the endpoint that the request was sent to.
  @Test func `a datagram from another port of the server's host is not taken`() throws {
    let server = try LoopbackSocket()
    defer { server.close() }
    let other = try LoopbackSocket()
    defer { other.close() }
    let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: server.port)
    try socket.send([1].span)
    let request = try #require(server.receive())
    other.send([2], to: request.port)
    server.send([3], to: request.port)
    socket.wait(until: nil)
    var buffer = [UInt8](repeating: 0xA5, count: 8)
    var writer = ByteWriter(buffer.mutableSpan)
    #expect(try socket.receive(into: &writer))
    let count = writer.count
    #expect(Array(buffer[..<count]) == [3])
    var rest = [UInt8](repeating: 0xA5, count: 8)
    var empty = ByteWriter(rest.mutableSpan)
    #expect(try !socket.receive(into: &empty))
  }

  @Test func `routers may fragment what is sent over IPv4`() throws {
    let silent = try LoopbackSocket()
    defer { silent.close() }
    let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: silent.port)
    var (value, length): (Int32, socklen_t) = (-1, 4)
    #expect(
      unsafe getsockopt(socket.descriptor, Int32(IPPROTO_IP), 10, &value, &length) == 0
    )
    #expect(value == 0, "IP_MTU_DISCOVER is IP_PMTUDISC_DONT")
  }

  @Test(arguments: [ClientSecurity.symmetric, .ownKey(identity: [1], key: [2])])
  func `after a report that nothing answers, the next one comes from another socket`(
    _ security: ClientSecurity
  ) async throws {
    let server = try LoopbackSocket()
    defer { server.close() }
    var device = DeviceClientConfiguration(
      productKey: "a1B2c3D4e5F",
      deviceName: "device1",
      host: "127.0.0.1",
      port: server.port
    )
    device.security = security
    device.settings.timing = TransmissionParameters(
      acknowledgementTimeout: Milliseconds(50),
      maxRetransmit: 0
    )
    let client = try DeviceClient(device, secret: DeviceClientTests.secret)
    for _ in 0..<2 {
      await #expect {
        _ = try await client.publish([1], to: DeviceClientTests.topic)
      } throws: { error in
        guard case DeviceClientError.authentication(let failure, _) = error else { return false }
        return failure.isSilence
      }
    }
    await client.close()
    var sources: Set<UInt16> = []
    while let datagram = server.receive() { sources.insert(datagram.port) }
    #expect(sources.count == 2)
  }
}

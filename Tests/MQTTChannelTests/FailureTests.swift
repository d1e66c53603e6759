// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import MQTTChannel
import MQTTLayer
import MQTTPeers
import Synchronization
import Testing

@Suite("A channel says why there is no connection")
struct FailureTests {
  @Test func `nobody listens, or the name is none`() throws {
    let client = try Client(port: 1)
    try client.connect()
    #expect(client.next() == .event(.failed(.unreachable)))
    let nameless = try Client(host: "no-such-host.invalid", port: 1)
    try nameless.connect()
    #expect(nameless.next() == .event(.failed(.unreachable)))
  }

  @Test func `a server that says nothing is timed out`() throws {
    let server = try FakeServer { connection, _ in connection.waitForEnd() }
    let client = try Client(of: server) { $0.connectTimeout = 1 }
    try client.connect()
    #expect(client.next() == .event(.failed(.timedOut)))
  }

  @Test func `a server that closes before CONNACK`() throws {
    let server = try FakeServer { connection, _ in _ = connection.packet() }
    let client = try Client(of: server)
    try client.connect()
    #expect(client.next() == .event(.failed(.unreachable)))
  }

  @Test(arguments: [1, 2, 3, 4, 5, 6, 255] as [UInt8])
  func `each number of CONNACK is told`(number: UInt8) throws {
    let server = try FakeServer { connection, _ in
      connection.accept(code: number)
      connection.waitForEnd()
    }
    let client = try Client(of: server)
    try client.connect()
    #expect(client.next() == .event(.failed(.refused(number))))
  }

  @Test(
    arguments: [
      ("foreign", "127.0.0.1", .unknownAuthority), ("misnamed", "127.0.0.1", .serverName),
      ("expired", "127.0.0.1", .expired), ("future", "127.0.0.1", .notYetValid),
      ("small", "127.0.0.1", .weakKey), ("ofNobody", "127.0.0.1", .invalidAuthority),
      ("purpose", "127.0.0.1", .wrongPurpose), ("ofWeak", "127.0.0.1", .weakSignature),
      ("misnamed", "localhost", .serverName), ("nameless", "localhost", .serverName),
      ("nameless", "127.0.0.1", .serverName),
    ] as [(String, String, MQTTFailure)]
  )
  func `a certificate that is not good is refused`(
    certificate: String,
    host: String,
    reason: MQTTFailure
  ) throws {
    let broker = try Mosquitto(certificate: certificate)
    for transport in [ChannelTransport.tls, .secureWebSocket] {
      let client = try Client(transport, of: broker, host: host)
      try client.connect()
      guard case .event(.failed(let failure))? = client.next() else {
        Issue.record("\(certificate) was taken over \(transport)")
        continue
      }
      #expect(failure == reason, "\(transport)")
    }
  }

  // The sanitizer has a `getaddrinfo` of its own, which stands before the channel's.
  @Test(.enabled(if: unsafe dlsym(nil, "__asan_init") == nil))
  func `the addresses of a name are tried in turn, and the certificate is for the name`() throws {
    // Nobody listens at the others.
    MQTTChannel.pretend(["127.0.0.3", "127.0.0.4", "127.0.0.1"])
    let broker = try Mosquitto()
    for transport in [ChannelTransport.tcp, .webSocket] {
      // Wherever the turn is, each of them is tried.
      for _ in 0..<3 {
        let client = try Client(transport, of: broker, host: "broker.test")
        try client.connect()
        #expect(client.next() == .event(.connected(hasSession: false)), "\(transport)")
      }
    }
    for transport in [ChannelTransport.tls, .secureWebSocket] {
      // The certificate is for that address, and not for the name.
      let client = try Client(transport, of: broker, host: "broker.test")
      try client.connect()
      #expect(client.next() == .event(.failed(.serverName)), "\(transport)")
    }
    let nobody = try Client(host: "broker.test", port: 1)
    try nobody.connect()
    #expect(nobody.next() == .event(.failed(.unreachable)))
    // Each has its own turn: what fails for one does not have another skip an address.
    let isOver = Mutex(false)
    Thread.detachNewThread {
      guard let other = try? Client(host: "broker.test", port: 1) else { return }
      while !isOver.withLock({ $0 }), (try? other.connect()) != nil { _ = other.next() }
    }
    defer { isOver.withLock { $0 = true } }
    let client = try Client(of: broker, host: "broker.test")
    for _ in 0..<20 {
      try client.connect()
      #expect(client.next() == .event(.connected(hasSession: false)))
      client.channel.disconnect()
      #expect(client.next() == .event(.disconnected))
    }
  }

  @Test(arguments: ["localhost", "127.0.0.1"])
  func `a good certificate is taken for each of its names`(host: String) throws {
    let broker = try Mosquitto()
    let client = try Client(.tls, of: broker, host: host)
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
  }

  @Test func `a refused certificate is no reason of the next connection`() throws {
    let good = try Mosquitto()
    let bad = try Mosquitto(certificate: "expired")
    let client = try Client(.tls, of: bad, host: "127.0.0.1")
    try client.connect()
    #expect(client.next() == .event(.failed(.expired)))
    let plain = try Client(
      .tls,
      port: good.ports.tcp,
      authorities: MQTTCertificates.text("ca.pem"),
      peer: good
    )
    try plain.connect()
    guard case .event(.failed(let failure))? = plain.next() else {
      Issue.record("taken")
      return
    }
    #expect([.handshake, .unreachable].contains(failure))
  }

  /// The library's last DISCONNECT was asked for, though the server that is silent has not ended the connection.
  @Test func `a connection that was ended is no reason of the next one`() throws {
    let silent = try Mosquitto()
    let bad = try Mosquitto(certificate: "foreign")
    let client = try Client(.tcp, of: silent)
    try client.connect()
    #expect(client.next() == .event(.connected(hasSession: false)))
    silent.pause(true)
    client.channel.disconnect()
    _ = client.next(seconds: 2)
    let other = try Client(.tls, of: bad, host: "127.0.0.1")
    try other.connect()
    #expect(other.next() == .event(.failed(.unknownAuthority)))
    silent.pause(false)
  }

  @Test func `a server without TLS, and one of TLS 1 dot 1`() throws {
    let broker = try Mosquitto()
    let plain = try Client(
      .tls,
      port: broker.ports.tcp,
      authorities: MQTTCertificates.text("ca.pem"),
      peer: broker
    )
    try plain.connect()
    guard case .event(.failed(let failure))? = plain.next() else {
      Issue.record("taken")
      return
    }
    #expect([.handshake, .unreachable].contains(failure))
    let old = try OldServer()
    let client = try Client(
      .tls,
      port: old.port,
      authorities: MQTTCertificates.text("ca.pem"),
      peer: old
    )
    try client.connect()
    guard case .event(.failed)? = client.next() else {
      Issue.record("TLS 1.1 was taken")
      return
    }
  }

  @Test func `a broker of the tests ends with them when they are killed`() async throws {
    let file = URL.temporaryDirectory.appending(path: "nbiot-broker-\(UUID().uuidString)").path
    defer { try? FileManager.default.removeItem(atPath: file) }
    // Where there is no mosquitto this is cancelled.
    _ = try Mosquitto()
    await #expect(processExitsWith: .signal(SIGKILL)) { [file = file as String] in
      let broker = try Mosquitto()
      let number = broker.identifier ?? 0
      try Data("\(number)".utf8).write(to: URL(filePath: file))
      kill(getpid(), SIGKILL)
    }
    let number = try #require(Int32(String(contentsOfFile: file, encoding: .utf8)))
    var patience = 600
    while isAlive(number), patience > 0 {
      try await Task.sleep(for: .milliseconds(50))
      patience -= 1
    }
    #expect(!isAlive(number))
  }

  /// Whether a process with that number is there, and no zombie.
  private func isAlive(_ number: Int32) -> Bool {
    let text = try? String(contentsOfFile: "/proc/\(number)/stat", encoding: .utf8)
    return text.map { $0.split(separator: ")").last?.split(separator: " ").first != "Z" } ?? false
  }

  @Test func `settings that make no channel are refused`() throws {
    #expect(throws: ChannelError.authorities) { _ = try Client(.tls, port: 1) }
    for host in ["", "a b", "a/b", "a\u{0}b", "ü"] {
      #expect(throws: ChannelError.host) { _ = try Client(host: host, port: 1) }
    }
    #expect(throws: ChannelError.limits) { _ = try Client(port: 1) { $0.messageLimit = 100_000 } }
    #expect(throws: ChannelError.limits) { _ = try Client(port: 1) { $0.memoryLimit = 1 } }
    #expect(throws: ChannelError.path) {
      _ = try Client(.webSocket, port: 1) { $0.path = FixedBytes() }
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import OpenSSLSupport
import TestSupport
import Testing

@Suite("The simulator's certificates for devices without elliptic curves")
struct LegacyCertificateTests {
  private func simulator(_ folder: DTLSCommandTests.Folder, _ options: [String]) throws -> Simulator
  {
    try Simulator(["--security", "dtls", "--certificates", folder.path("certificates")] + options)
  }

  /// Whether a device that has static RSA and CBC alone shakes hands with the simulator.
  private func shakesHands(_ simulator: Simulator, trusting file: String) throws -> Bool {
    let context = try DTLSContext(.client)
    try context.setSuites(Array("AES128-SHA:AES256-SHA".utf8).span, needsEncryptThenMAC: true)
    let authorities = Array(try Data(contentsOf: URL(filePath: file)))
    _ = try context.setAuthorities(authorities.span, depth: 2)
    var connection = try DTLSConnection(
      context,
      patience: DTLSConnection.Patience(timeout: Milliseconds(20_000), limit: 1)
    )
    let isNamed = connection.setServerName(Array("127.0.0.1".utf8).span, isSent: false)
    #expect(isNamed)
    let socket = try LoopbackSocket()
    defer { socket.close() }
    let now = Instant(milliseconds: 0)
    connection.start(at: now)
    while connection.state == .handshaking {
      var buffer = [UInt8](repeating: 0, count: 2_048)
      while true {
        var writer = ByteWriter(buffer.mutableSpan)
        guard try connection.pollDatagram(into: &writer) else { break }
        let count = writer.count
        socket.send(Array(buffer[..<count]), to: UInt16(simulator.port))
      }
      LoopbackSocket.wait(for: [socket], milliseconds: 30_000)
      guard let datagram = socket.receive()?.bytes else { break }
      var writer = ByteWriter(buffer.mutableSpan)
      connection.receive(datagram.span, into: &writer, at: now)
    }
    return connection.state == .established
  }

  /// The bytes of the first certificate in a file.
  private func certificate(_ file: String) throws -> [UInt8] {
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let lines = text.split(separator: "\n").drop { !$0.hasPrefix("-----BEGIN") }.dropFirst()
    let body = lines.prefix { !$0.hasPrefix("-----END") }.joined()
    return Array(try #require(Data(base64Encoded: body)))
  }

  private func contains(_ bytes: [UInt8], _ part: [UInt8]) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: part) }
  }

  @Test func `on first use there are two certificates, and a device may trust either file`() throws
  {
    let folder = try DTLSCommandTests.Folder()
    let simulator = try simulator(folder, ["--legacy-suites"])
    #expect(try shakesHands(simulator, trusting: folder.path("certificates/ca-rsa.pem")))
    #expect(try shakesHands(simulator, trusting: folder.path("certificates/ca.pem")))
    #expect(try folder.mode("certificates/server-rsa-key.pem") == 0o600)
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "session made with AES").count == 3)
    #expect(!log.contains("another secret"))
    let bytes = try certificate(folder.path("certificates/server-rsa.pem"))
    let address = Array("127.0.0.1".utf8)
    // commonName as a PrintableString or UTF8String; dNSName and iPAddress (RFC 5280 Section 4.2.1.6).
    #expect(
      contains(bytes, [0x06, 0x03, 0x55, 0x04, 0x03, 0x13, 9] + address)
        || contains(bytes, [0x06, 0x03, 0x55, 0x04, 0x03, 0x0C, 9] + address)
    )
    #expect(contains(bytes, [0x82, 9] + address))
    #expect(contains(bytes, [0x87, 4, 127, 0, 0, 1]))
  }

  @Test func `a folder of before gets the second one beside the first, which stays`() throws {
    let folder = try DTLSCommandTests.Folder()
    _ = try simulator(folder, []).stop()
    let names = ["ca.pem", "server.pem", "server-key.pem"]
    let before = try names.map {
      try Data(contentsOf: URL(filePath: folder.path("certificates/\($0)")))
    }
    let files = FileManager.default
    #expect(!files.fileExists(atPath: folder.path("certificates/server-rsa.pem")))
    let second = try simulator(folder, ["--legacy-suites"])
    #expect(try shakesHands(second, trusting: folder.path("certificates/ca-rsa.pem")))
    _ = try second.stop()
    let after = try names.map {
      try Data(contentsOf: URL(filePath: folder.path("certificates/\($0)")))
    }
    #expect(before == after)
    // Made once.
    let made = try Data(contentsOf: URL(filePath: folder.path("certificates/server-rsa.pem")))
    _ = try simulator(folder, ["--legacy-suites"]).stop()
    #expect(try Data(contentsOf: URL(filePath: folder.path("certificates/server-rsa.pem"))) == made)
  }

  @Test func `a folder whose own certificate has an RSA key needs no second one`() throws {
    let folder = try DTLSCommandTests.Folder()
    let issued = try IssuedCertificate(names: ["127.0.0.1"], keys: .rsa)
    try FileManager.default.createDirectory(
      atPath: folder.path("certificates"),
      withIntermediateDirectories: true
    )
    for (name, bytes) in [
      ("ca.pem", issued.authority), ("server.pem", issued.certificate),
      ("server-key.pem", issued.key),
    ] {
      try Data(bytes).write(to: URL(filePath: folder.path("certificates/\(name)")))
    }
    let simulator = try simulator(folder, ["--legacy-suites"])
    #expect(try shakesHands(simulator, trusting: folder.path("certificates/ca.pem")))
    _ = try simulator.stop()
    #expect(!FileManager.default.fileExists(atPath: folder.path("certificates/server-rsa.pem")))
  }

  /// What the simulator complains of before it fails to listen on a port that is taken.
  private func complaints(
    _ folder: DTLSCommandTests.Folder,
    _ options: [String]
  ) async throws -> String {
    let taken = try LoopbackSocket(on: options.contains("127.0.0.2") ? 2 : 1)
    defer { taken.close() }
    let secret = folder.path("secret.txt")
    try writeSecret("s\n", to: URL(filePath: secret))
    let run = try await nbiot(
      [
        "simulate", "--port", "\(taken.port)", "--device", "a,device1,\(secret)", "--security",
        "dtls", "--certificates", folder.path("certificates"),
      ] + options
    )
    return run.errors
  }

  @Test func `a certificate of before that lacks the address is warned of`() async throws {
    let folder = try DTLSCommandTests.Folder()
    let made = try await complaints(folder, ["--legacy-suites"])
    #expect(!made.contains("is not for"))
    let same = try await complaints(folder, ["--legacy-suites", "--host", "127.0.0.1"])
    #expect(!same.contains("is not for"))
    let other = try await complaints(folder, ["--legacy-suites", "--host", "127.0.0.2"])
    #expect(other.contains("server.pem is not for 127.0.0.2"))
    #expect(other.contains("server-rsa.pem is not for 127.0.0.2"))
    let plain = try await complaints(folder, ["--host", "127.0.0.2"])
    #expect(plain.contains("server.pem is not for 127.0.0.2"))
    #expect(!plain.contains("server-rsa.pem"))
  }

  @Test func `a second one without an RSA key is warned of`() async throws {
    let folder = try DTLSCommandTests.Folder()
    #expect(!(try await complaints(folder, ["--legacy-suites"])).contains("no RSA key"))
    for (from, to) in [("server", "server-rsa"), ("server-key", "server-rsa-key")] {
      let bytes = try Data(contentsOf: URL(filePath: folder.path("certificates/\(from).pem")))
      try bytes.write(to: URL(filePath: folder.path("certificates/\(to).pem")))
    }
    let warned = try await complaints(folder, ["--legacy-suites"])
    #expect(warned.contains("server-rsa.pem has no RSA key"))
  }

  @Test func `half of the second one is complained about`() async throws {
    let folder = try DTLSCommandTests.Folder()
    _ = try simulator(folder, ["--legacy-suites"]).stop()
    try FileManager.default.removeItem(atPath: folder.path("certificates/server-rsa.pem"))
    let secret = folder.path("secret.txt")
    try Data("s\n".utf8).write(to: URL(filePath: secret))
    let run = try await nbiot([
      "simulate", "--port", "0", "--device", "a,device1,\(secret)", "--security", "dtls",
      "--certificates", folder.path("certificates"), "--legacy-suites",
    ])
    #expect(run.status == 2)
    #expect(run.errors.contains("only some of ca-rsa.pem, server-rsa.pem and server-rsa-key.pem"))
  }
}

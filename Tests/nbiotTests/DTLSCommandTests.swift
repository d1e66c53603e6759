// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The command line over DTLS, as its user runs it")
struct DTLSCommandTests {
  /// A folder of the test's own, removed with this value.
  final class Folder {
    let url = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)

    init() throws {
      try FileManager.default.createDirectory(
        at: url,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    }

    deinit {
      try? FileManager.default.removeItem(at: url)
    }

    func path(_ name: String) -> String { url.appending(path: name).path }

    func mode(_ name: String) throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
      return try #require(attributes[.posixPermissions] as? Int)
    }
  }

  private func simulator(_ folder: Folder, _ options: [String] = []) throws -> Simulator {
    try Simulator(["--security", "dtls", "--certificates", folder.path("certificates")] + options)
  }

  private func publish(
    _ simulator: Simulator,
    _ options: [String]
  ) async throws -> Run {
    try await nbiot(
      simulator.device(
        ["--device-secret-file", simulator.secretFile, "--security", "dtls", "--output", "json"]
          + options
      ),
      input: "{\"value\":1}\n"
    )
  }

  @Test func `certificates are made on first use, and a report goes through`() async throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    let run = try await publish(simulator, ["--ca-file", folder.path("certificates/ca.pem")])
    #expect(run.status == 0)
    let object = try #require(run.object)
    #expect(object["outcome"] as? String == "acknowledged")
    #expect(object["seq"] is NSNull)
    // The guide's report without token bytes, number and padding, in a record.
    #expect(object["bytesUp"] as? Int == 126)
    #expect(try folder.mode("certificates/server-key.pem") == 0o600)
    let (status, log) = try simulator.stop()
    #expect(status == 0)
    #expect(log.contains("DTLS session made with ECDHE-ECDSA-CHACHA20-POLY1305"))
    #expect(log.contains(#"POST /topic/a1B2c3D4e5F/device1/user/update {"value":1} -> 2.05"#))
    #expect(!(run.output + run.errors + log).contains("0123456789abcdef"))
  }

  @Test(arguments: [false, true])
  func `a session file makes the next run resume`(psk: Bool) async throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    let trust = psk ? ["--psk"] : ["--ca-file", folder.path("certificates/ca.pem")]
    let options = trust + ["--session-file", folder.path("session")]
    for _ in 0..<2 {
      let run = try await publish(simulator, options)
      #expect(run.status == 0)
      #expect(try folder.mode("session") == 0o600)
    }
    // Half a file, as after a power cut in another program: a whole handshake, and no error.
    let half = try Data(contentsOf: URL(filePath: folder.path("session"))).dropLast(40)
    try half.write(to: URL(filePath: folder.path("session")))
    #expect(try await publish(simulator, options).status == 0)
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "DTLS session made").count == 3)
    #expect(log.components(separatedBy: "DTLS session resumed").count == 2)
  }

  @Test func `who is not the server is not told anything, and the user is told why`() async throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    let other = try Folder()
    let second = try self.simulator(other)
    let foreign = try await publish(simulator, ["--ca-file", other.path("certificates/ca.pem")])
    #expect(foreign.status == 3)
    #expect(foreign.errors.contains("not vouched for by any authority"))
    let named = try await publish(
      simulator,
      ["--ca-file", folder.path("certificates/ca.pem"), "--server-name", "platform.test"]
    )
    #expect(named.status == 3)
    #expect(named.errors.contains("for another host"))
    let log = try simulator.stop().log
    #expect(!log.contains("POST"))
    _ = try second.stop()
  }

  @Test(arguments: [2_100, 8_000])
  func `a message of over 2 KB is read whole, and its line says that it is too long`(
    count: Int
  ) throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    // OpenSSL's own client: this project's sends no such records. The key is the SDK's, as below.
    let digits = "EAC4CE452A32B701E834DD7CB987D11B898ECE3E498975F10526C73DDFE27817"
    let client = Process()
    client.executableURL = URL(filePath: "/usr/bin/openssl")
    client.arguments = [
      "s_client", "-dtls1_2", "-quiet", "-connect", "127.0.0.1:\(simulator.port)", "-cipher",
      "PSK-AES128-GCM-SHA256", "-psk_identity",
      "devicename|hmacsha256|a1B2c3D4e5F&device1|2524608000000", "-psk",
      digits.utf8.map { String($0, radix: 16) }.joined(),
    ]
    let (input, output) = (Pipe.ofChild(), Pipe.ofChild())
    client.standardInput = input
    client.standardOutput = output
    client.standardError = FileHandle.nullDevice
    try client.start()
    // CON POST, message id 1, Uri-Path "auth", Content-Format 50.
    let head: [UInt8] = [0x40, 2, 0, 1, 0xB4, 0x61, 0x75, 0x74, 0x68, 0x11, 50, 0xFF]
    let message = head + [UInt8](repeating: 0x20, count: count)
    try input.fileHandleForWriting.write(contentsOf: Data(message))
    // ACK 4.13, the same id.
    let answer = output.fileHandleForReading.availableData
    #expect(Array(answer) == [0x60, 0x8D, 0, 1])
    // A thread of the tests may have SIGTERM blocked, which the program then has as well.
    kill(client.processIdentifier, SIGKILL)
    client.waitUntilExit()
    let log = try simulator.stop().log
    #expect(log.contains("POST /auth -> 4.13"))
    #expect(log.contains("(\(message.count) B up"))
  }

  /// The identity and the key that the platform's C SDK v4 makes of these names and this secret; the
  /// key was computed by the `openssl` command line.
  @Test func `a pre-shared key of one's own is taken as it is`() async throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    let key = folder.path("key.txt")
    let digits = "eac4ce452a32b701e834dd7cb987d11b898ece3e498975f10526c73ddfe27817".uppercased()
    try Data((digits + "\n").utf8).write(to: URL(filePath: key))
    let identity = "devicename|hmacsha256|a1B2c3D4e5F&device1|2524608000000"
    let run = try await publish(simulator, ["--psk-identity", identity, "--psk-key-file", key])
    #expect(run.status == 0)
    #expect(run.errors.contains("chmod 600"))
    #expect(try await publish(simulator, ["--psk"]).status == 0)
    let log = try simulator.stop().log
    #expect(!(run.output + run.errors + log).contains(digits))
  }

  @Test func `a device that the platform does not know has a sentence of its own`() async throws {
    let folder = try Folder()
    let simulator = try simulator(folder)
    let run = try await nbiot(
      simulator.device(["--security", "dtls", "--psk", "--device-name", "device2"])
        + ["--payload", "x"],
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    #expect(run.status == 3)
    #expect(run.output.contains("does not know the identity"))
    _ = try simulator.stop()
  }

  @Test(arguments: [
    (["--security", "dtls"], "--ca-file"),
    (["--security", "dtls", "--ca-file", "/dev/null"], "is no file"),
    (["--security", "dtls", "--ca-file", "/nonexistent"], "cannot be opened"),
    (["--security", "dtls", "--psk", "--ca-file", "x"], "verifies no certificate"),
    (["--security", "dtls", "--psk", "--mtu", "100"], "--mtu"),
    (["--security", "dtls", "--psk", "--max-fragment", "100"], "--max-fragment"),
    (["--security", "dtls", "--ca-file", "x", "--key-file", "y"], "together"),
    (["--psk"], "--security dtls"),
    (["--security", "dtls", "--psk-identity", "x"], "together"),
    (["--security", "dtls", "--psk", "--psk-identity", "x", "--psk-key-file", "y"], "not both"),
  ])
  func `options that make no sense are usage errors`(
    options: [String],
    sentence: String
  ) async throws {
    let run = try await nbiot(
      [
        "publish", "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--topic",
        "/a1B2c3D4e5F/device1/user/update", "--payload", "x", "--endpoint", "127.0.0.1:1",
      ] + options,
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    #expect(run.status == 2)
    #expect(run.errors.contains(sentence))
  }

  @Test func `legacy suites come with a warning, and reach an old server`() async throws {
    let folder = try Folder()
    let simulator = try simulator(folder, ["--legacy-suites"])
    let run = try await publish(
      simulator,
      ["--ca-file", folder.path("certificates/ca.pem"), "--legacy-suites"]
    )
    #expect(run.status == 0)
    #expect(run.errors.contains("warning: --legacy-suites"))
    _ = try simulator.stop()
  }

  @Test func `the demo runs over DTLS`() async throws {
    let run = try await nbiot(["demo", "--security", "dtls", "--reports", "3"])
    #expect(run.status == 0)
    #expect(run.output.contains("3 acknowledged"))
    #expect(run.output.contains("exactly what was read"))
  }

  @Test func `a simulator needs a folder for its certificates, whole or empty`() async throws {
    let folder = try Folder()
    let secret = folder.path("secret.txt")
    try Data("s\n".utf8).write(to: URL(filePath: secret))
    let device = ["simulate", "--port", "0", "--device", "a,device1,\(secret)"]
    let none = try await nbiot(device + ["--security", "dtls"])
    #expect(none.status == 2)
    #expect(none.errors.contains("--certificates"))
    try Data("x".utf8).write(to: URL(filePath: folder.path("server.pem")))
    let some = try await nbiot(
      device + ["--security", "dtls", "--certificates", folder.url.path]
    )
    #expect(some.status == 2)
    #expect(some.errors.contains("only some of"))
  }
}

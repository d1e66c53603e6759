// SPDX-License-Identifier: Apache-2.0
package import Foundation
internal import TestSupport
internal import Testing

/// Why there is no broker to talk to.
package struct BrokerError: Error, CustomStringConvertible {
  package let description: String
}

/// Debian's mosquitto in a process and a folder of one test's own, with a listener for each transport.
package final class Mosquitto {
  /// A port of its address for each transport.
  package struct Ports {
    package var tcp: UInt16 = 0
    package var tls: UInt16 = 0
    package var webSocket: UInt16 = 0
    package var secureWebSocket: UInt16 = 0
  }

  package private(set) var ports = Ports()
  package let folder: URL
  private let certificate: String
  private let address: String
  private let settings: String
  private var process: Process?
  /// Ends the broker where the tests are killed; the signal for a parent's end would come with that of the thread that
  /// has started it.
  private var watcher: (process: Process, line: Pipe)?

  /// Starts a broker that shows the certificate of that name; `settings` are lines of its configuration.
  ///
  /// Without mosquitto the test is cancelled, and fails under NBIOT_REQUIRE_PEERS=1.
  package init(
    certificate: String = "good",
    address: String = "127.0.0.1",
    settings: String = "allow_anonymous true",
    users: [String: String] = [:]
  ) throws {
    self.certificate = certificate
    self.address = address
    self.settings = settings
    folder = URL.temporaryDirectory.appending(path: "nbiot-mosquitto-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    do {
      try Self.makeUsers(users, in: folder)
      try start()
    } catch {
      if ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] == "1" { throw error }
      try Test.cancel("skipped: \(error)")
    }
  }

  deinit {
    end()
    try? FileManager.default.removeItem(at: folder)
  }

  /// Starts it on the same ports, or on new ones at first.
  ///
  /// Another socket may have one of the ports meanwhile, as the one that a client connects from: a new broker takes
  /// others, one that is started again waits for its own.
  package func start() throws {
    let isFirst = ports.tcp == 0
    for _ in 0..<(isFirst ? 10 : 300) {
      if isFirst {
        ports = Ports(
          tcp: try Self.freePort(),
          tls: try Self.freePort(),
          webSocket: try Self.freePort(),
          secureWebSocket: try Self.freePort()
        )
      }
      if try run() { return }
      if !isFirst { Thread.sleep(forTimeInterval: 0.1) }
    }
    throw BrokerError(
      description: "mosquitto does not start: another socket keeps one of its ports"
    )
  }

  /// Ends it at once: a program that a test starts has the other signals blocked.
  package func end() {
    if let (watcher, _) = watcher {
      kill(watcher.processIdentifier, SIGKILL)
      watcher.waitUntilExit()
    }
    watcher = nil
    guard let process else { return }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    self.process = nil
  }

  /// The number of its process.
  package var identifier: Int32? { process?.processIdentifier }

  private func watch(_ process: Process) throws {
    let watcher = Process()
    let line = Pipe.ofChild()
    watcher.executableURL = URL(filePath: "/bin/sh")
    watcher.arguments = ["-c", "read -r _; kill -9 \(process.processIdentifier)"]
    watcher.standardInput = line
    watcher.standardOutput = FileHandle.nullDevice
    watcher.standardError = FileHandle.nullDevice
    try watcher.start()
    self.watcher = (watcher, line)
  }

  /// Has it stand still, or go on.
  package func pause(_ isPaused: Bool) {
    if let process { kill(process.processIdentifier, isPaused ? SIGSTOP : SIGCONT) }
  }

  private func run() throws -> Bool {
    let path = Self.find("mosquitto")
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw BrokerError(description: "mosquitto is not installed")
    }
    let configuration = folder.appending(path: "mosquitto.conf")
    try text().write(to: configuration, atomically: true, encoding: .utf8)
    let process = Process()
    let output = Pipe.ofChild()
    process.executableURL = URL(filePath: path)
    process.arguments = ["-c", configuration.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = output
    try process.start()
    var log = ""
    while true {
      let data = output.fileHandleForReading.availableData
      if data.isEmpty { break }
      log += String(decoding: data, as: UTF8.self)
      if log.contains(" running\n") {
        self.process = process
        try watch(process)
        // What it says later is read and forgotten, so that it never waits for a reader.
        let reader = output.fileHandleForReading
        Thread.detachNewThread { while !reader.availableData.isEmpty {} }
        return true
      }
    }
    process.waitUntilExit()
    // Of a port for WebSockets that is taken mosquitto says no reason.
    guard
      log.contains("Address already in use") || log.contains("Unable to create websockets listener")
    else {
      throw BrokerError(description: "mosquitto refuses: \(log)")
    }
    return false
  }

  private func text() throws -> String {
    // Else a listener of WebSockets takes no heed of an IPv4 address, and listens on all.
    let family = address.contains(":") ? "" : "socket_domain ipv4"
    let certificates = try MQTTCertificates.directory()
    func secure(_ port: UInt16) -> String {
      """
      listener \(port) \(address)
      certfile \(certificates.appending(path: certificate + ".pem").path)
      keyfile \(certificates.appending(path: certificate + ".key").path)
      ciphers DEFAULT:@SECLEVEL=0
      """
    }
    return """
      per_listener_settings false
      user root
      log_dest stderr
      \(settings.replacingOccurrences(of: "FOLDER", with: folder.path))
      listener \(ports.tcp) \(address)
      \(secure(ports.tls))
      listener \(ports.webSocket) \(address)
      protocol websockets
      \(family)
      \(secure(ports.secureWebSocket))
      protocol websockets
      \(family)

      """
  }

  /// Makes the file `users` with these names and passwords.
  private static func makeUsers(_ users: [String: String], in folder: URL) throws {
    guard !users.isEmpty else { return }
    let file = folder.appending(path: "users")
    let lines = users.map { "\($0.key):\($0.value)\n" }.joined()
    try lines.write(to: file, atomically: true, encoding: .utf8)
    let process = Process()
    process.executableURL = URL(filePath: find("mosquitto_passwd"))
    process.arguments = ["-U", file.path]
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.start()
    process.waitUntilExit()
  }

  /// Whether the machine has the address ::1.
  package static let hasIPv6 =
    (try? String(contentsOfFile: "/proc/net/if_inet6", encoding: .utf8))?
    .contains("00000000000000000000000000000001") == true

  private static func find(_ name: String) -> String {
    for folder in ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"] {
      let path = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: path) { return path }
    }
    return "/usr/sbin/\(name)"
  }

  private static func freePort() throws -> UInt16 {
    let listener = try ListeningSocket()
    defer { listener.close() }
    return listener.port
  }
}

/// Certificates of the run's own, made by the script of the tests of DTLS.
package enum MQTTCertificates {
  private static let made = Result { try make() }

  package static func directory() throws -> URL { try made.get() }

  /// The text of a file, as NAME.pem.
  package static func text(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: directory().appending(path: name)))
  }

  private static func make() throws -> URL {
    let url = URL.temporaryDirectory.appending(path: "nbiot-mqtt-certificates-\(getpid())")
    try? FileManager.default.removeItem(at: url)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    atexit {
      let path = "nbiot-mqtt-certificates-\(getpid())"
      try? FileManager.default.removeItem(at: URL.temporaryDirectory.appending(path: path))
    }
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let process = Process()
    process.executableURL = tests.appending(path: "InteroperabilityTests/DTLS/certificates.sh")
    process.arguments = [url.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.start()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw BrokerError(description: "certificates.sh failed; is openssl installed?")
    }
    return url
  }
}

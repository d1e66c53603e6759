// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import Foundation
import Synchronization
import TestSupport
import Testing

/// A DTLS server that others wrote, as a process of one test's own on 127.0.0.1.
final class DTLSServer: Sendable {
  enum Kind: String, CaseIterable, CustomTestStringConvertible, Sendable {
    /// libcoap's example server over OpenSSL and over GnuTLS.
    case libcoapOpenSSL = "coap-server-openssl"
    case libcoapGnuTLS = "coap-server-gnutls"
    /// `openssl s_server`: prints what it is sent, and sends what it reads.
    case openSSL = "openssl"

    static let libcoaps = [libcoapOpenSSL, libcoapGnuTLS]

    var testDescription: String { rawValue }
  }

  private struct Running {
    let process: Process
    let input: Pipe
    let output: Pipe?
  }

  let kind: Kind
  /// The port that takes DTLS.
  let port: UInt16
  private let options: [String]
  private let running = Mutex<Running?>(nil)
  private static let started = Mutex(0)

  /// Starts one; `options` come behind those that every server gets.
  init(_ kind: Kind, _ options: [String]) throws {
    self.kind = kind
    self.options = options
    var failure = PeerError(description: "\(kind.rawValue) does not start")
    for _ in 0..<5 {
      // The port is free again when the probing socket closes; somebody may be faster. libcoap takes
      // DTLS on the next one.
      let free = try BoundSocket().port
      let port = kind == .openSSL ? free : free + 1
      do {
        let launched = try Self.launch(kind, options, port)
        self.port = port
        running.withLock { $0 = launched }
        return
      } catch let error as PeerError {
        failure = error
      }
    }
    throw failure
  }

  /// Starts it again on the same port: it has forgotten everybody.
  func reboot(options: [String]? = nil) throws {
    stop()
    let launched = try Self.launch(kind, options ?? self.options, port)
    running.withLock { $0 = launched }
  }

  /// Ends it without a goodbye.
  func stop() {
    guard let running = running.withLock({ $0.take() }) else { return }
    running.process.terminate()
    // Foundation takes a second to notice that a process has ended; the kernel's table does not.
    for _ in 0..<500 where (try? Self.isBound(port)) == true { usleep(10_000) }
  }

  /// Has s_server send that as one record.
  func send(_ message: [UInt8]) throws {
    guard let input = running.withLock({ $0?.input }) else { return }
    try input.fileHandleForWriting.write(contentsOf: Data(message))
  }

  /// What s_server was sent, once there are so many bytes; what there is after 5 seconds, in which
  /// `client` goes on.
  func received(_ count: Int, _ client: SecureClient) throws -> [UInt8] {
    guard let output = running.withLock({ $0?.output }) else { return [] }
    var bytes: [UInt8] = []
    let handle = output.fileHandleForReading
    let end = client.now + Milliseconds(5_000)
    while bytes.count < count, client.now < end {
      guard wait(for: [handle.fileDescriptor], 0) else {
        try client.run(for: 5)
        continue
      }
      guard let more = try handle.read(upToCount: count - bytes.count), !more.isEmpty else { break }
      bytes += more
    }
    return bytes
  }

  private static func launch(
    _ kind: Kind,
    _ options: [String],
    _ port: UInt16
  ) throws -> Running {
    let number = started.withLock {
      $0 += 1
      return $0
    }
    let (process, input, log) = (Process(), Pipe.ofChild(), try PeerSetUp.log("dtls-\(number)"))
    let output = kind == .openSSL ? Pipe.ofChild() : nil
    process.executableURL = URL(filePath: "/usr/bin/env")
    // Should this process end before it, so does the server, in time.
    process.arguments = ["timeout", "-s", "KILL", "200", kind.rawValue]
    switch kind {
    case .openSSL:
      process.arguments? += ["s_server", "-accept", "127.0.0.1:\(port)", "-quiet"]
    case .libcoapOpenSSL, .libcoapGnuTLS:
      process.arguments? += ["-A", "127.0.0.1", "-p", "\(port - 1)", "-d", "100", "-e", "-v", "7"]
    }
    process.arguments? += options
    process.standardInput = input
    process.standardOutput = output ?? log
    process.standardError = log
    try process.start()
    for _ in 0..<3_000 where process.isRunning {
      if try isBound(port) { return Running(process: process, input: input, output: output) }
      usleep(10_000)
    }
    process.terminate()
    throw PeerError(description: "\(kind.rawValue) does not listen on port \(port): dtls-\(number)")
  }

  /// By the kernel's table, with addresses in hexadecimal digits.
  private static func isBound(_ port: UInt16) throws -> Bool {
    let digits = String(port, radix: 16, uppercase: true)
    // The socket's own address stands behind its number, its peer's behind that.
    let entry = ": 0100007F:" + String(repeating: "0", count: 4 - digits.count) + digits
    return try String(contentsOfFile: "/proc/net/udp", encoding: .utf8).contains(entry)
  }
}

/// Runs `body` with a fresh server, on a thread of its own.
///
/// Where the peer is missing the test is cancelled with the reason, and fails instead under
/// NBIOT_REQUIRE_PEERS=1.
func withServer(
  _ kind: DTLSServer.Kind,
  _ options: [String],
  _ body: @Sendable (DTLSServer) throws -> Void
) async throws {
  await Turn.shared.take()
  defer { Turn.shared.give() }
  try await onThread {
    do {
      if kind != .openSSL { try PeerSetUp.check(.libcoap) }
      try checkCommand(kind.rawValue)
    } catch {
      if PeerSetUp.isRequired { throw error }
      print("skipped: \(Test.current?.displayName ?? "a test") with \(kind.rawValue): \(error)")
      try Test.cancel("skipped: \(error)")
    }
    let server = try DTLSServer(kind, options)
    defer { server.stop() }
    try body(server)
  }
}

/// Lets so many servers run at once that what depends on time is not disturbed by the tests themselves.
private final class Turn: Sendable {
  static let shared = Turn()

  private struct State {
    var free = 4
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func take() async {
    await withCheckedContinuation { continuation in
      let isFree = state.withLock { state in
        if state.free == 0 {
          state.waiting.append(continuation)
          return false
        }
        state.free -= 1
        return true
      }
      if isFree { continuation.resume() }
    }
  }

  func give() {
    let next: CheckedContinuation<Void, Never>? = state.withLock { state in
      if state.waiting.isEmpty {
        state.free += 1
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}

/// Throws when there is no such command.
private func checkCommand(_ name: String) throws {
  let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin"
  for folder in path.split(separator: ":")
  where FileManager.default.isExecutableFile(atPath: "\(folder)/\(name)") {
    return
  }
  throw PeerError(description: "\(name) is not installed")
}

// MARK: - Options

extension DTLSServer {
  /// s_server with a certificate of certificates.sh.
  static func certificate(_ name: String, _ more: String...) throws -> [String] {
    let path = try Certificates.path(name)
    let chain = FileManager.default.fileExists(atPath: "\(path).chain")
    return ["-dtls1_2", "-cert", "\(path).pem", "-key", "\(path).key"]
      + (chain ? ["-cert_chain", "\(path).chain"] : []) + more
  }

  /// s_server with a pre-shared key in hexadecimal digits.
  static func preSharedKey(_ key: String, _ more: String...) -> [String] {
    ["-dtls1_2", "-nocert", "-psk", key, "-cipher", "PSK@SECLEVEL=0"] + more
  }

  /// libcoap's server with a certificate, whose clients need none.
  static func libcoapCertificate(_ name: String) throws -> [String] {
    let directory = try Certificates.directory().path
    return ["-n", "-c", "\(directory)/\(name).pem", "-j", "\(directory)/\(name).key"]
      + ["-C", "\(directory)/ca.pem"]
  }
}

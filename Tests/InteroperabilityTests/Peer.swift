// SPDX-License-Identifier: Apache-2.0
import Foundation
import Synchronization
import TestSupport
import Testing

/// Somebody else's server to talk to.
enum PeerKind: String, CaseIterable, CustomTestStringConvertible, Sendable {
  case libcoap, aiocoap

  var testDescription: String { rawValue }
}

/// A running server of one test's own, on 127.0.0.1.
protocol Peer: Sendable {
  var kind: PeerKind { get }
  var port: UInt16 { get }

  /// Starts it again on the same port, so that it has forgotten its clients.
  func reboot() throws

  func stop()
}

/// Why there is no peer.
struct PeerError: Error, CustomStringConvertible {
  let description: String
}

/// Runs `body` with a fresh server; blocks a thread of its own, not one of those that all tests share.
///
/// Where the peer cannot be installed the test is cancelled with the reason, and fails instead under
/// NBIOT_REQUIRE_PEERS=1. `options` are for libcoap's command line.
func withPeer(
  _ kind: PeerKind,
  options: [String] = [],
  _ body: @Sendable (any Peer) throws -> Void
) async throws {
  try await onThread {
    do {
      try PeerSetUp.check(kind)
    } catch {
      if PeerSetUp.isRequired { throw error }
      // Of a cancelled case of a test with several, the console says nothing.
      print("skipped: \(Test.current?.displayName ?? "a test") with \(kind.rawValue): \(error)")
      try Test.cancel("skipped: \(error)")
    }
    let peer: any Peer =
      switch kind {
      case .libcoap: try LibcoapServer(options: options)
      case .aiocoap: try AiocoapServer()
      }
    defer { peer.stop() }
    try body(peer)
  }
}

/// Runs blocking code on a thread of its own within the current test.
func onThread(_ body: @Sendable () throws -> Void) async throws {
  try await withTaskExecutorPreference(ThreadExecutor.shared) { try await run(body) }
}

/// Being concurrent it leaves the caller's thread for the preferred executor's.
@concurrent
private func run(_ body: @Sendable () throws -> Void) async throws { try body() }

/// Gives every job a new thread.
private final class ThreadExecutor: TaskExecutor {
  static let shared = ThreadExecutor()

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    Thread.detachNewThread {
      // The signals that this thread's parent blocks would be blocked in the peers too, which then
      // neither end nor see their children end.
      var none = sigset_t()
      unsafe sigemptyset(&none)
      unsafe pthread_sigmask(SIG_SETMASK, &none, nil)
      unsafe job.runSynchronously(on: self.asUnownedTaskExecutor())
    }
  }
}

// MARK: - Set-up

/// Installs the peers once a run, by set-up.sh.
enum PeerSetUp {
  static let isRequired = ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] == "1"
  static let tests = URL(filePath: #filePath).deletingLastPathComponent()
  static let directory = tests.appending(path: "../../.build-peers").standardizedFileURL

  private static let libcoap = install(.libcoap)
  private static let aiocoap = install(.aiocoap)

  static func check(_ kind: PeerKind) throws {
    let failure = kind == .libcoap ? libcoap : aiocoap
    if let failure { throw failure }
  }

  /// A fresh file for a server's log; those of the last run are kept until the next.
  static func log(_ name: String) throws -> FileHandle {
    let file = directory.appending(path: "logs/\(name).log")
    try FileManager.default.createDirectory(
      at: file.deletingLastPathComponent(),
      withIntermediateDirectories: true
    )
    guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
      throw PeerError(description: "\(file.path) cannot be written")
    }
    return try FileHandle(forWritingTo: file)
  }

  private static func install(_ kind: PeerKind) -> PeerError? {
    do {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/env")
      // A test may take 5 minutes.
      let script = tests.appending(path: "set-up.sh").path
      process.arguments = ["timeout", "240", script, kind.rawValue]
      let output = try log("set-up-\(kind.rawValue)")
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = output
      process.standardError = output
      try process.start()
      process.waitUntilExit()
      guard process.terminationStatus != 0 else { return nil }
      return PeerError(
        description: "\(kind.rawValue) cannot be installed: see "
          + directory.appending(path: "logs/set-up-\(kind.rawValue).log").path
      )
    } catch {
      return PeerError(description: "\(kind.rawValue) cannot be installed: \(error)")
    }
  }
}

// MARK: - libcoap

/// libcoap's example server: one process a test.
///
/// It may create 100 resources by PUT and POST, and echoes what it is given.
final class LibcoapServer: Peer {
  let kind = PeerKind.libcoap
  let port: UInt16
  private let options: [String]
  private let process = Mutex<(Process, Pipe)?>(nil)
  private static let started = Mutex(0)

  init(options: [String]) throws {
    self.options = options
    var failure = PeerError(description: "libcoap's server does not start")
    for _ in 0..<5 {
      // The port is free again when the probing socket closes; somebody may be faster.
      let port = try BoundSocket().port
      do {
        let started = try Self.launch(port, options)
        self.port = port
        process.withLock { $0 = started }
        return
      } catch let error as PeerError {
        failure = error
      }
    }
    throw failure
  }

  func reboot() throws {
    stop()
    let started = try Self.launch(port, options)
    process.withLock { $0 = started }
  }

  func stop() {
    guard let (process, input) = process.withLock({ $0.take() }) else { return }
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// Starts a server that ends with its standard input, and waits until it answers a ping.
  private static func launch(_ port: UInt16, _ options: [String]) throws -> (Process, Pipe) {
    let number = started.withLock {
      $0 += 1
      return $0
    }
    let process = Process()
    let input = Pipe.ofChild()
    let log = try PeerSetUp.log("libcoap-\(number)")
    process.executableURL = URL(filePath: "/bin/sh")
    // A shell's background job has no standard input of its own: hence descriptor 3. At any other
    // signal than 9 the server says goodbye to those who observe.
    process.arguments =
      [
        "-c", #"exec 3<&0; "$@" & child=$!; (read -r _ <&3; kill -9 $child) & wait $child"#, "sh",
        "coap-server-notls", "-A", "127.0.0.1", "-p", "\(port)", "-d", "100", "-e", "-v", "7",
      ] + options
    process.standardInput = input
    process.standardOutput = log
    process.standardError = log
    try process.start()
    let ping = try BoundSocket()
    ping.setPeer(port)
    for _ in 0..<500 where process.isRunning {
      ping.send([0x40, 0, 0, 1])
      if ping.receive(within: 50) == [0x70, 0, 0, 1] { return (process, input) }
      usleep(10_000)
    }
    try? input.fileHandleForWriting.close()
    throw PeerError(description: "libcoap's server does not answer on port \(port)")
  }
}

// MARK: - aiocoap

/// One of the servers of plugtest_server.py, which is one process for the whole run.
final class AiocoapServer: Peer {
  let kind = PeerKind.aiocoap
  let port: UInt16

  init() throws { port = try AiocoapProcess.command("boot") }

  func reboot() throws { _ = try AiocoapProcess.command("boot \(port)") }

  func stop() { _ = try? AiocoapProcess.command("stop \(port)") }
}

/// The process behind the aiocoap servers; it ends with this one, which closes its standard input.
private enum AiocoapProcess {
  private struct Running {
    let process = Process()
    let input = Pipe.ofChild()
    let output = Pipe.ofChild()

    init() throws {
      process.executableURL = PeerSetUp.directory.appending(path: "venv/bin/python")
      process.arguments = [PeerSetUp.tests.appending(path: "plugtest_server.py").path]
      process.standardInput = input
      process.standardOutput = output
      process.standardError = try PeerSetUp.log("aiocoap")
      try process.start()
    }
  }

  private static let running = Mutex<Running?>(nil)

  /// Gives a command and returns the port that answers it.
  static func command(_ text: String) throws -> UInt16 {
    try running.withLock { running in
      let current = try running ?? Running()
      running = current
      try current.input.fileHandleForWriting.write(contentsOf: Data((text + "\n").utf8))
      var answer: [UInt8] = []
      let output = current.output.fileHandleForReading
      while answer.last != UInt8(ascii: "\n") {
        guard wait(for: [output.fileDescriptor], 20_000),
          let byte = try output.read(upToCount: 1)?.first
        else { throw PeerError(description: "plugtest_server.py does not answer: see its log") }
        answer.append(byte)
      }
      guard let port = UInt16(String(decoding: answer.dropLast(), as: UTF8.self)) else {
        throw PeerError(description: "plugtest_server.py gave no port")
      }
      return port
    }
  }
}

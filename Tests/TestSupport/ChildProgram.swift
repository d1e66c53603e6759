// SPDX-License-Identifier: Apache-2.0
package import Foundation
internal import Synchronization

/// One run of a program, with what it has printed and logged so far; killed with the value.
package final class ChildProgram {
  /// The process, which `start` starts.
  package let process = Process()
  private let input = Pipe.ofChild()
  private let printed = Text()
  private let logged = Text()
  private let readers = DispatchGroup()

  private final class Text: Sendable {
    let all = Mutex("")
  }

  /// Makes a run that has not started yet; `environment` is added to that of the tests.
  package init(_ program: URL, _ arguments: [String], environment: [String: String] = [:]) {
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  }

  deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

  /// Starts it.
  package func start() throws {
    let (output, errors) = (Pipe.ofChild(), Pipe.ofChild())
    process.standardInput = input
    process.standardOutput = output
    process.standardError = errors
    try process.start()
    collect(output, printed)
    collect(errors, logged)
  }

  private func collect(_ pipe: Pipe, _ text: Text) {
    readers.enter()
    Thread.detachNewThread { [readers] in
      let handle = pipe.fileHandleForReading
      while case let data = handle.availableData, !data.isEmpty {
        text.all.withLock { $0 += String(decoding: data, as: UTF8.self) }
      }
      readers.leave()
    }
  }

  /// What it has printed so far.
  package var output: String { printed.all.withLock { $0 } }

  /// The lines of `output`.
  package var lines: [String] { output.split(separator: "\n").map(String.init) }

  /// What it has logged so far.
  package var log: String { logged.all.withLock { $0 } }

  /// Its exit status, once it has ended.
  package var status: Int32 { process.terminationStatus }

  /// Writes to its standard input.
  package func write(_ text: String) { write(bytes: Array(text.utf8)) }

  /// Writes bytes to its standard input.
  package func write(bytes: [UInt8]) {
    try? input.fileHandleForWriting.write(contentsOf: Data(bytes))
  }

  /// Ends its standard input.
  package func endInput() { try? input.fileHandleForWriting.close() }

  /// Sends it a signal.
  package func signal(_ number: Int32) { _ = kill(process.processIdentifier, number) }

  /// Waits for its end, and for all that it printed.
  package func wait() {
    process.waitUntilExit()
    readers.wait()
  }

  /// Waits until something is true of it; `false` after a minute.
  package func wait(until isThere: (ChildProgram) -> Bool) -> Bool {
    for _ in 0..<6_000 {
      if isThere(self) { return true }
      usleep(10_000)
    }
    return false
  }
}

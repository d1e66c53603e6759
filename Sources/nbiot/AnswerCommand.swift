// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Foundation
internal import PlatformBroker
internal import SystemClocks

/// A command that answers a message: one process for each, in a process group of its own, for a limited time.
struct AnswerCommand: Sendable {
  /// What became of it.
  enum Outcome: Equatable {
    /// It has ended with that status; a signal counts as 128 and its number.
    case ended(status: Int32)
    /// Its time was over, and it was killed with all that it has started.
    case killed
  }

  let command: String
  /// How long it may run, in milliseconds.
  let limit: Int64

  /// The most bytes that it may print.
  static let outputLimit = 16_384

  /// Runs it with that input and those variables besides the program's own; blocks its thread.
  ///
  /// Secrets of the program's environment are left out.
  func run(
    _ input: [UInt8],
    _ variables: [String: String]
  ) throws(Complaint) -> (outcome: Outcome, output: [UInt8]) {
    // SAFETY: a file without a name, which nobody else can open; closed below.
    guard let file = unsafe tmpfile() else { throw Self.failure("no temporary file") }
    defer { unsafe fclose(file) }
    let inputDescriptor = unsafe fileno(file)
    // SAFETY: writes exactly the bytes of the input.
    let written = unsafe input.withUnsafeBytes {
      unsafe write(inputDescriptor, $0.baseAddress, $0.count)
    }
    guard written == input.count, lseek(inputDescriptor, 0, SEEK_SET) == 0 else {
      throw Self.failure("the temporary file cannot be written")
    }
    var ends: [Int32] = [-1, -1]
    // SAFETY: writes two descriptors.
    guard unsafe pipe(&ends) == 0 else { throw Self.failure("no pipe") }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let child = try spawn(input: inputDescriptor, output: ends[1], variables)
    close(ends[1])
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    return watch(child, ends[0])
  }

  private static func failure(_ what: String) -> Complaint {
    Complaint("--exec: \(what) (\(PrivateFile.text(errno)))", .undelivered)
  }

  private func spawn(
    input: Int32,
    output: Int32,
    _ variables: [String: String]
  ) throws(Complaint) -> pid_t {
    var environment = ProcessInfo.processInfo.environment.merging(variables) { $1 }
    for name in ["NBIOT_DEVICE_SECRET", "NBIOT_PRODUCT_SECRET"] { environment[name] = nil }
    do throws(ChildError) {
      return try ChildProcess.spawn(
        ["/bin/sh", "-c", command],
        environment.map { "\($0)=\($1)" },
        [(input, STDIN_FILENO), (output, STDOUT_FILENO), (STDERR_FILENO, STDERR_FILENO)]
      )
    } catch {
      throw Complaint("--exec: /bin/sh cannot be run (\(error))", .undelivered)
    }
  }

  /// Reads what it prints until it has ended, or its time is over.
  private func watch(_ child: pid_t, _ descriptor: Int32) -> (outcome: Outcome, output: [UInt8]) {
    var output: [UInt8] = []
    let end = MonotonicClock.now() + Milliseconds(limit)
    while true {
      var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      // SAFETY: one entry, and the call does not keep the pointer.
      _ = unsafe poll(&entry, 1, 20)
      let isOpen = Self.read(descriptor, into: &output)
      var status: Int32 = 0
      // SAFETY: writes one local value.
      if unsafe waitpid(child, &status, WNOHANG) == child {
        _ = Self.read(descriptor, into: &output)
        let signal = status & 0x7F
        return (.ended(status: signal == 0 ? status >> 8 & 0xFF : 128 + signal), output)
      }
      if MonotonicClock.now() >= end {
        kill(-child, SIGKILL)
        // SAFETY: as above.
        unsafe waitpid(child, &status, 0)
        return (.killed, output)
      }
      // It has closed its output and goes on.
      if !isOpen { usleep(20_000) }
    }
  }

  /// Takes what there is, dropping what is over the limit; `false` at the end.
  private static func read(_ descriptor: Int32, into output: inout [UInt8]) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4_096)
    while true {
      // SAFETY: the pointer covers the whole buffer and does not outlive the call.
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Foundation.read(descriptor, $0.baseAddress, $0.count)
      }
      guard count > 0 else { return count < 0 }
      output += buffer[..<min(count, outputLimit + 1 - output.count)]
    }
  }
}

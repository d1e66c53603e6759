// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Glibc

/// A program that runs in a process group of its own, one of whose outputs is read.
///
/// Without Foundation's `Process`, which would add all of Foundation to a program with its runtime linked in.
package struct ChildProcess: Sendable {
  /// How it has ended.
  package enum Ending {
    /// By itself, with this exit status.
    case status(Int32)
    /// By a signal of this number.
    case signal(Int32)
  }

  /// The number of the process, its own until `reap` has returned.
  package let identifier: Int32
  /// The reading end of what it prints: standard output or standard error.
  private let output: Int32

  /// Which of its outputs is read; the other one goes nowhere.
  package enum Output {
    /// Descriptor 1.
    case standardOutput
    /// Descriptor 2.
    case standardError
  }

  /// Starts it.
  ///
  /// `input` is a descriptor that becomes its standard input, and stays the caller's to close; without one there is
  /// nothing to read. The environment is a list of `NAME=VALUE`.
  ///
  /// - Throws: the call that failed, by its errno.
  package init(
    _ program: String,
    _ arguments: [String],
    reading: Output,
    input: Int32? = nil,
    environment: [String] = []
  ) throws(ChildError) {
    var ends: [Int32] = [-1, -1]
    // SAFETY: writes two descriptors.
    guard unsafe pipe(&ends) == 0 else { throw ChildError(code: errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[1]) }
    do throws(ChildError) {
      let standard = reading == .standardOutput ? STDOUT_FILENO : STDERR_FILENO
      let places = [(input, STDIN_FILENO), (ends[1], standard)]
      identifier = try Self.spawn([program] + arguments, environment, places)
    } catch {
      close(ends[0])
      throw error
    }
    output = ends[0]
  }

  /// Calls `read` with each piece of what it prints, and `end` when it has ended and all was read.
  ///
  /// Both are called on a thread of its own. The number stays the process's until `reap` is called.
  func watch(read: @escaping @Sendable ([UInt8]) -> Void, end: @escaping @Sendable () -> Void) {
    DispatchQueue(label: "child").async {
      while let piece = next() { read(piece) }
      close(output)
      var information = unsafe siginfo_t()
      // SAFETY: writes one local value; the child is left to be reaped.
      while unsafe waitid(P_PID, id_t(identifier), &information, WEXITED | WNOWAIT) != 0,
        errno == EINTR
      {}
      end()
    }
  }

  /// Reads all that it prints, waits for its end, and reaps it.
  package func finish() -> (printed: [UInt8], ending: Ending) {
    var bytes: [UInt8] = []
    while let piece = next() { bytes += piece }
    close(output)
    return (bytes, reap())
  }

  /// Takes its end; its number may be another process's from then on.
  func reap() -> Ending {
    var status: Int32 = 0
    // SAFETY: writes one local value.
    while unsafe waitpid(identifier, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return signal == 0 ? .status(status >> 8 & 0xFF) : .signal(signal)
  }

  private func next() -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: 4_096)
    while true {
      // SAFETY: the pointer covers the whole piece and does not outlive the call.
      let count = unsafe piece.withUnsafeMutableBytes {
        unsafe Glibc.read(output, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      return count > 0 ? Array(piece[..<count]) : nil
    }
  }

  /// Starts the program that is the first word, and returns its number, which the caller reaps.
  ///
  /// `places` are descriptors of ours that become its standard ones; those without lead nowhere.
  package static func spawn(
    _ words: [String],
    _ environment: [String],
    _ places: [(ours: Int32?, standard: Int32)]
  ) throws(ChildError) -> Int32 {
    var actions = unsafe posix_spawn_file_actions_t()
    var attributes = posix_spawnattr_t()
    var signals = sigset_t()
    // SAFETY: all of them are local values, which the system reads until `posix_spawn` has returned.
    unsafe posix_spawn_file_actions_init(&actions)
    for place in places {
      guard let ours = place.ours else { continue }
      unsafe posix_spawn_file_actions_adddup2(&actions, ours, place.standard)
    }
    for descriptor in STDIN_FILENO...STDERR_FILENO
    where !places.contains(where: { $0.ours != nil && $0.standard == descriptor }) {
      let mode = descriptor == STDIN_FILENO ? O_RDONLY : O_WRONLY
      unsafe posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", mode, 0)
    }
    // Sockets of libraries that do not mark them; numbers that are not open cost nothing.
    for descriptor in (STDERR_FILENO + 1)..<1_024 {
      unsafe posix_spawn_file_actions_addclose(&actions, descriptor)
    }
    unsafe posix_spawnattr_init(&attributes)
    unsafe sigemptyset(&signals)
    unsafe posix_spawnattr_setsigmask(&attributes, &signals)
    for number in [SIGINT, SIGTERM, SIGPIPE, SIGQUIT] { unsafe sigaddset(&signals, number) }
    unsafe posix_spawnattr_setsigdefault(&attributes, &signals)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF
    unsafe posix_spawnattr_setflags(&attributes, Int16(flags))
    var (texts, settings) = unsafe (copies(words), copies(environment))
    defer {
      unsafe posix_spawn_file_actions_destroy(&actions)
      unsafe posix_spawnattr_destroy(&attributes)
      unsafe (texts + settings).forEach { unsafe free($0) }
    }
    var child: pid_t = 0
    // SAFETY: both lists end with a null pointer, and their texts with a zero byte.
    let code = unsafe posix_spawn(&child, words[0], &actions, &attributes, &texts, &settings)
    guard code == 0 else { throw ChildError(code: code) }
    return child
  }

  /// Texts as C takes a list of them: the caller frees them.
  private static func copies(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] {
    // SAFETY: strdup reads a text that ends with zero.
    unsafe texts.map { unsafe strdup($0) } + [nil]
  }
}

/// A program that could not be started, with errno.
package struct ChildError: Error, CustomStringConvertible {
  let code: Int32

  /// The system's words.
  // SAFETY: strerror's text ends with zero and is copied at once.
  package var description: String { unsafe String(cString: strerror(code)) }
}

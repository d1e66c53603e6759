// SPDX-License-Identifier: Apache-2.0
internal import Dispatch
internal import Foundation
internal import HTTPSTransfer
internal import Synchronization
internal import UDPTransport

/// Turns SIGINT and SIGTERM into an interruption while the value lives, so that files are left in
/// order; there is one value at a time.
///
/// The second such signal ends the program at once. It does not use a dispatch source: a signal
/// delivered to the main thread while that waits forever, as in `async` programs, does not always
/// reach the source.
final class InterruptSignal {
  private let source: (any DispatchSourceRead)?
  /// The previous signal actions.
  private var handlers: [(number: Int32, action: sigaction)] = []

  convenience init(_ interruption: Interruption) {
    self.init { interruption.request() }
  }

  /// Calls `handler` on such a signal.
  init(_ handler: @escaping @Sendable () -> Void) {
    source = EndingSignal.openPipe().map { descriptor in
      let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
      source.setEventHandler {
        var byte: UInt8 = 0
        // SAFETY: reads one byte into a local value.
        if unsafe read(descriptor, &byte, 1) == 1 { handler() }
      }
      source.resume()
      return source
    }
    for number in EndingSignal.numbers {
      var before = sigaction()
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { EndingSignal.handle($0) }
      action.sa_flags = Int32(bitPattern: UInt32(SA_RESETHAND)) | SA_RESTART
      // SAFETY: the system keeps neither pointer.
      unsafe sigaction(number, &action, &before)
      handlers.append((number, before))
    }
  }

  deinit {
    for (number, before) in handlers {
      var before = before
      // SAFETY: the system does not keep the pointer.
      unsafe sigaction(number, &before, nil)
    }
    source?.cancel()
  }
}

/// Ends the program by a signal, so that its parent can see that: a shell shows 128 plus the
/// number, and stops the loop in which the program runs.
enum EndingSignal {
  /// The signals with which people and scripts end a program.
  static let numbers = [SIGINT, SIGTERM]

  private static let noted = Atomic<Int32>(0)
  private static let pipe = Atomic<Int32>(-1)
  /// Whether the parent ignores SIGPIPE.
  private static let ignoresPipe = Atomic<Bool>(false)

  /// Unblocks these signals and SIGQUIT at the start: a parent may have blocked them, and the
  /// program inherits that.
  static func prepare() {
    CoreDumps.forbidBacktraces()
    unblock(numbers + [SIGQUIT])
    var action = sigaction()
    // SAFETY: fills a local value.
    unsafe sigaction(SIGPIPE, nil, &action)
    let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    let ignored = unsafe unsafeBitCast(SIG_IGN, to: Int.self)
    ignoresPipe.store(handler == ignored, ordering: .relaxed)
  }

  /// Ends the program with SIGPIPE, as the system does if the reader has gone, unless its parent
  /// ignores SIGPIPE; a server's libraries ignore it as well.
  static func endByClosedPipe() {
    guard !ignoresPipe.load(ordering: .relaxed) else { return }
    end(by: SIGPIPE)
  }

  /// The read end of a new pipe, which becomes readable after a signal; both ends stay open.
  fileprivate static func openPipe() -> Int32? {
    noted.store(0, ordering: .relaxed)
    var ends: [Int32] = [-1, -1]
    // SAFETY: writes two descriptors. Without them (EMFILE) the second signal still ends the
    // program.
    guard unsafe Foundation.pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    pipe.store(ends[1], ordering: .relaxed)
    return ends[0]
  }

  /// The signal handler, which can run at any point: it uses only atomics and a system call.
  fileprivate static func handle(_ number: Int32) {
    let code = errno
    noted.store(number, ordering: .relaxed)
    var byte: UInt8 = 0
    // SAFETY: writes one byte of a local value.
    _ = unsafe write(pipe.load(ordering: .relaxed), &byte, 1)
    errno = code
  }

  /// Does not treat that signal as a failure: the program ends with its ordinary status.
  static func forgive(_ number: Int32) {
    _ = noted.compareExchange(expected: number, desired: 0, ordering: .relaxed)
  }

  /// Ends the program by the signal that arrived while files were being put in order, if any.
  static func endIfNoted() {
    let number = noted.load(ordering: .relaxed)
    guard number != 0 else { return }
    end(by: number)
  }

  private static func end(by number: Int32) {
    _ = signal(number, SIG_DFL)
    unblock([number])
    raise(number)
  }

  private static func unblock(_ numbers: [Int32]) {
    var set = sigset_t()
    // SAFETY: the set is a local value, and the system keeps no pointer to it.
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}

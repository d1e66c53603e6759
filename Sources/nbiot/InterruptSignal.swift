internal import Dispatch
internal import Foundation
internal import HTTPSTransfer
internal import Synchronization

/// Turns Ctrl-C and a wish to terminate into an interruption, so that files are left in order; as long as
/// the value lives, of which there is one at a time.
///
/// The second such signal ends the program at once. Not a dispatch source of signals: a signal that the main
/// thread takes while that waits for ever (as `async` programs' do) does not always reach it.
final class InterruptSignal {
  private let source: (any DispatchSourceRead)?
  /// What the signals did before.
  private var handlers: [(number: Int32, action: sigaction)] = []

  convenience init(_ interruption: Interruption) {
    self.init { interruption.request() }
  }

  /// Calls `handler` for such a signal.
  init(_ handler: @escaping @Sendable () -> Void) {
    source = EndingSignal.openPipe().map { descriptor in
      let source = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: .global())
      source.setEventHandler {
        var byte: UInt8 = 0
        // SAFETY: reads one byte into a value of its own.
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

/// The signal that ends the program, whose parent is to learn of it: a shell shows 128 and its number, and stops
/// the loop that the program was run in.
enum EndingSignal {
  /// What a person or a script ends a program with.
  static let numbers = [SIGINT, SIGTERM]

  private static let noted = Atomic<Int32>(0)
  private static let pipe = Atomic<Int32>(-1)
  private static let isBrokenPipeIgnored = Atomic(false)

  /// Lets these signals through, at the start: who starts a program may have them blocked, which the program then
  /// has, too.
  static func prepare() {
    unblock(numbers)
    // Libraries for networks ignore SIGPIPE later on, for the whole program.
    var action = sigaction()
    // SAFETY: writes a value of its own; the handler is compared, not called.
    unsafe sigaction(SIGPIPE, nil, &action)
    let handler = unsafe unsafeBitCast(action.__sigaction_handler.sa_handler, to: Int.self)
    let isIgnored = unsafe handler == unsafeBitCast(SIG_IGN, to: Int.self)
    isBrokenPipeIgnored.store(isIgnored, ordering: .relaxed)
  }

  /// Ends the program by SIGPIPE, as writing to a pipe without a reader does; returns where whoever started the
  /// program has SIGPIPE ignored.
  static func endByBrokenPipe() {
    guard !isBrokenPipeIgnored.load(ordering: .relaxed) else { return }
    end(by: SIGPIPE)
  }

  /// The end of a new pipe to read from, which is readable once a signal has come; both ends stay open.
  fileprivate static func openPipe() -> Int32? {
    noted.store(0, ordering: .relaxed)
    var ends: [Int32] = [-1, -1]
    // SAFETY: writes two descriptors. Without them (EMFILE) the program still ends by the second signal.
    guard unsafe Foundation.pipe(&ends) == 0 else { return nil }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    pipe.store(ends[1], ordering: .relaxed)
    return ends[0]
  }

  /// What the signal's handler does, amid anything: no more than atomics and a system call.
  fileprivate static func handle(_ number: Int32) {
    let code = errno
    noted.store(number, ordering: .relaxed)
    var byte: UInt8 = 0
    // SAFETY: writes one byte of a value of its own.
    _ = unsafe write(pipe.load(ordering: .relaxed), &byte, 1)
    errno = code
  }

  /// Takes that signal for no failure: the program ends with the status that it has otherwise.
  static func forgive(_ number: Int32) {
    _ = noted.compareExchange(expected: number, desired: 0, ordering: .relaxed)
  }

  /// Ends the program by the signal that has come while files were put in order, if one has.
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
    // SAFETY: the set is a value of its own, and the system keeps no pointer to it.
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
  }
}

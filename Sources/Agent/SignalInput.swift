internal import CPOSIX

/// The signals that the program takes between two waits (signalfd), until it ends.
struct SignalInput {
  /// -1 before `open`.
  private(set) var descriptor: Int32 = -1

  /// From now on SIGTERM and SIGINT end the program here, SIGHUP has the configuration read anew, SIGUSR1 asks for
  /// the counters; SIGPIPE is held back.
  mutating func open() { descriptor = nbiot_signals() }

  /// The next one that has come; 0 when none has.
  func next() -> Int32 { nbiot_next_signal(descriptor) }
}

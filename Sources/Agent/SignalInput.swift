internal import CPOSIX

/// The signals that the program takes between two waits (signalfd).
struct SignalInput: ~Copyable {
  let descriptor: Int32

  /// SIGTERM and SIGINT end the program, SIGUSR1 asks for the counters; SIGPIPE is ignored.
  init() { descriptor = nbiot_signals() }

  deinit { _ = close(descriptor) }

  /// The next one that has come; 0 when none has.
  func next() -> Int32 { nbiot_next_signal(descriptor) }
}

internal import CPOSIX

/// The signals that the program takes between two waits (signalfd), until it ends.
struct SignalInput {
  let descriptor: Int32

  /// SIGTERM and SIGINT end the program, SIGHUP has the configuration read anew, SIGUSR1 asks for the
  /// counters; SIGPIPE is held back.
  init() { descriptor = nbiot_signals() }

  /// The next signal received; 0 if there is none.
  func next() -> Int32 { nbiot_next_signal(descriptor) }
}

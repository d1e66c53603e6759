// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX

/// The signals that the program takes between two waits (signalfd), until it ends.
struct SignalInput {
  /// -1 before `open`.
  private(set) var descriptor: Int32 = -1

  /// From now on the descriptor reports SIGTERM and SIGINT, which end the program, SIGHUP, which reloads the
  /// configuration, and SIGUSR1, which asks for the counters; SIGPIPE is blocked.
  mutating func open() {
    descriptor = nbiot_signals()
    #if MQTT
    // The end of a command is one as well.
    descriptor = nbiot_add_children(descriptor)
    #endif
  }

  /// The next signal received; 0 if there is none.
  func next() -> Int32 { nbiot_next_signal(descriptor) }
}

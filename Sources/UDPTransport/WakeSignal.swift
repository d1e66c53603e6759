// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
public import ConstrainedCore
internal import SystemClocks

/// Wakes a thread that waits for a socket, through an event counter of the system (eventfd).
public struct WakeSignal: ~Copyable, Sendable {
  private let descriptor: Int32

  /// Creates a signal that is not set.
  public init() throws(TransportError) {
    descriptor = nbiot_eventfd()
    if descriptor < 0 { throw .system(code: nbiot_errno()) }
  }

  deinit {
    _ = close(descriptor)
  }

  /// Wakes the waiting thread, or the next one to wait; may be called from any thread.
  public func set() {
    var one: UInt64 = 1
    // SAFETY: an event counter takes exactly 8 bytes. If the counter is full, the thread is already
    // awake.
    _ = unsafe write(descriptor, &one, 8)
  }

  /// Waits for a datagram or an error at the socket, the signal, or the deadline, and clears the
  /// signal.
  ///
  /// A `nil` deadline waits without limit.
  public func wait(forSocket socket: Int32, until deadline: Instant?) {
    var entries = InlineArray<2, pollfd>(repeating: pollfd())
    entries[0] = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    entries[1] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let timeout = MonotonicClock.timeout(until: deadline)
    var span = entries.mutableSpan
    // SAFETY: two entries, and the call does not keep the pointer.
    _ = unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, 2, timeout) }
    var count: UInt64 = 0
    // SAFETY: an event counter returns exactly 8 bytes; it does not block when it is not set.
    _ = unsafe read(descriptor, &count, 8)
  }
}

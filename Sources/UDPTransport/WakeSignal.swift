internal import CPOSIX
public import ConstrainedCore

/// Wakes a thread that waits for a socket: an event counter of the system (eventfd).
public struct WakeSignal: ~Copyable, Sendable {
  private let descriptor: Int32

  /// A signal that is not set.
  public init() throws(TransportError) {
    descriptor = nbiot_eventfd()
    if descriptor < 0 { throw .system(code: nbiot_errno()) }
  }

  deinit {
    _ = close(descriptor)
  }

  /// Wakes the waiting thread, now or as soon as it waits; may be called from any thread.
  public func set() {
    var one: UInt64 = 1
    // SAFETY: an event counter takes exactly 8 bytes. When the counter is full the thread is awake.
    _ = unsafe write(descriptor, &one, 8)
  }

  /// Waits until the socket has a datagram or an error, the signal is set or the time has come.
  ///
  /// `nil` waits without end. Clears the signal.
  public func wait(forSocket socket: Int32, until deadline: Instant?) {
    var entries = InlineArray<2, pollfd>(repeating: pollfd())
    entries[0] = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
    entries[1] = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let timeout = MonotonicClock.timeout(until: deadline)
    var span = entries.mutableSpan
    // SAFETY: two entries, and the call does not keep the pointer.
    _ = unsafe span.withUnsafeMutableBufferPointer { unsafe poll($0.baseAddress, 2, timeout) }
    var count: UInt64 = 0
    // SAFETY: an event counter gives exactly 8 bytes; it does not block when it is not set.
    _ = unsafe read(descriptor, &count, 8)
  }
}

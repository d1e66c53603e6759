internal import CPOSIX
public import ConstrainedCore

/// A UDP socket with one peer; it never blocks.
///
/// Closed when the value ends.
///
/// Being connected, it takes datagrams from that peer's address and port alone, and learns of ICMP
/// errors.
public struct UDPSocket: ~Copyable {
  /// The file descriptor, for waiting on it together with others.
  public private(set) var descriptor: Int32

  /// A socket that is closed, to be replaced by an open one.
  public init() { descriptor = -1 }

  /// Whether it can be used.
  public var isOpen: Bool { descriptor >= 0 }

  /// Connects to a host, in digits or by name, and a port: to the first of its addresses that a socket can
  /// be connected to.
  ///
  /// A name costs a query, which may block for seconds; `ServerLink` does not block.
  public init(host: Span<UInt8>, port: UInt16) throws(TransportError) {
    // A C string ends with a zero byte, which must not come sooner.
    for index in host.indices where host[index] == 0 { throw .unknownHost(code: EAI_NONAME) }
    var name = FixedBytes<256>()
    do throws(CapacityError) {
      try name.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(host)
        try writer.append(0)
      }
    } catch {
      throw .unknownHost(code: EAI_NONAME)
    }
    var addresses = nbiot_addresses()
    // SAFETY: the name ends with a zero byte.
    unsafe name.bytes.withUnsafeBytes {
      unsafe nbiot_find_addresses($0.bindMemory(to: CChar.self).baseAddress, 0, &addresses)
    }
    guard addresses.code == 0 else { throw .unknownHost(code: addresses.code) }
    var code: Int32 = 0
    for index in 0..<addresses.count {
      let descriptor = unsafe nbiot_open_udp(&addresses, index, port)
      if descriptor >= 0 {
        self.descriptor = descriptor
        return
      }
      code = nbiot_errno()
    }
    throw TransportError(connecting: code)
  }

  /// Takes over a descriptor that is connected and does not block.
  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
  }

  /// Closes the socket before the value ends; it must not be used any more.
  public mutating func close() {
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
    descriptor = -1
  }

  /// Sends one datagram.
  ///
  /// A full queue loses it, as the network may; CoAP sends again.
  public func send(_ datagram: Span<UInt8>) throws(TransportError) {
    // SAFETY: the pointer covers exactly the datagram and does not outlive the call.
    let sent = unsafe datagram.withUnsafeBufferPointer {
      unsafe CPOSIX.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    if sent < 0 { try Self.check(nbiot_errno()) }
  }

  /// Appends one datagram to an empty `output` and says whether there was one.
  ///
  /// An empty datagram and one longer than the room leave `output` empty.
  public func receive(into output: inout ByteWriter) throws(TransportError) -> Bool {
    let start = output.count
    guard let length = try receiveHead(into: &output) else { return false }
    if output.count - start < length { output.truncate(to: start) }
    return true
  }

  /// Appends as much of one datagram to an empty `output` as there is room for, and says how many bytes it
  /// has; `nil` when there was none.
  package func receiveHead(into output: inout ByteWriter) throws(TransportError) -> Int? {
    var received = 0
    unsafe output.appendUnchecked { room in
      // SAFETY: the pointer covers exactly the room; MSG_TRUNC only makes the result tell the
      // datagram's whole length.
      received = unsafe recv(descriptor, room.baseAddress, room.count, Int32(MSG_TRUNC))
      return max(0, min(received, room.count))
    }
    if received >= 0 { return received }
    try Self.check(nbiot_errno())
    return nil
  }

  /// Waits until a datagram or an error is there or the time has come; `nil` waits without end.
  public func wait(until deadline: Instant?) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    _ = unsafe poll(&entry, 1, MonotonicClock.timeout(until: deadline))
  }

  private static func check(_ code: Int32) throws(TransportError) {
    switch code {
    case EAGAIN, EINTR, ENOBUFS: return
    // An ICMP message said that a datagram was too long for a link on the way: that one is lost, and the
    // system has learned how long the next one may be before it cuts it up.
    // conformance: 7252-4.2-i
    case EMSGSIZE: return
    // conformance: 7252-4.2-h
    case ECONNREFUSED: throw .refused
    default: throw .unreachable(code: code)
    }
  }
}

extension TransportError {
  /// What `errno` means when no socket can be made or connected.
  init(connecting code: Int32) {
    switch code {
    case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL: self = .unreachable(code: code)
    default: self = .system(code: code)
    }
  }
}

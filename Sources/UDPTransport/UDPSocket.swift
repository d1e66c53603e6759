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

  /// Connects to a host, in digits or by name, and a port.
  ///
  /// A name costs a query, which may block for seconds and fails on modules without DNS; digits
  /// cost nothing.
  public init(host: Span<UInt8>, port: UInt16) throws(TransportError) {
    var name = FixedBytes<256>()
    do throws(CapacityError) {
      try name.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append(host)
        try writer.append(0)
      }
    } catch {
      throw .unknownHost(code: EAI_NONAME)
    }
    try self.init(hostForC: name.bytes, port: port)
  }

  /// The same with a host that has a zero byte at its end.
  package init(hostForC host: Span<UInt8>, port: UInt16) throws(TransportError) {
    // A C string ends with a zero byte, which must not come sooner.
    for index in host.indices where host[index] == 0 && index &+ 1 < host.count {
      throw .unknownHost(code: EAI_NONAME)
    }
    var list: UnsafeMutablePointer<addrinfo>?
    // SAFETY: the name ends with a zero byte.
    let code = unsafe host.withUnsafeBytes {
      unsafe nbiot_resolve_udp($0.bindMemory(to: CChar.self).baseAddress, &list)
    }
    guard code == 0 else { throw .unknownHost(code: code) }
    // SAFETY: the list comes from getaddrinfo and is freed once, here.
    defer { unsafe freeaddrinfo(list) }
    descriptor = try unsafe Self.connect(list, port)
  }

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

  /// The first address of the list that a socket can be connected to.
  private static func connect(
    _ list: UnsafeMutablePointer<addrinfo>?,
    _ port: UInt16
  ) throws(TransportError) -> Int32 {
    var code: Int32 = 0
    var next = unsafe list
    while let address = unsafe next {
      let descriptor = unsafe nbiot_udp_socket(address.pointee.ai_family)
      if descriptor >= 0 {
        if unsafe nbiot_connect(descriptor, address, port) == 0 { return descriptor }
        code = nbiot_errno()
        _ = CPOSIX.close(descriptor)
      } else {
        code = nbiot_errno()
      }
      unsafe next = address.pointee.ai_next
    }
    throw code == ENETUNREACH || code == EHOSTUNREACH
      ? .unreachable(code: code) : .system(code: code)
  }

  private static func check(_ code: Int32) throws(TransportError) {
    switch code {
    case EAGAIN, EINTR, ENOBUFS: return
    case ECONNREFUSED: throw .refused
    default: throw .unreachable(code: code)
    }
  }
}

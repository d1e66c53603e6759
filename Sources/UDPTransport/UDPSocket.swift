// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
public import ConstrainedCore
internal import SystemClocks

/// A non-blocking UDP socket connected to one peer, closed with the value.
///
/// Being connected, it receives datagrams from that peer's address and port only, and learns of
/// ICMP errors.
public struct UDPSocket: ~Copyable {
  /// The file descriptor, for waiting on it together with others.
  public private(set) var descriptor: Int32

  /// A closed socket, as a placeholder.
  public init() { descriptor = -1 }

  /// Whether the socket is open.
  public var isOpen: Bool { descriptor >= 0 }

  /// The bytes of the headers of IP and UDP before each datagram: 28 over IPv4, 48 over IPv6 (RFC 791, RFC 8200,
  /// RFC 768).
  public var headerBytes: Int {
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    // SAFETY: any address fits into a `sockaddr_storage`, whose length is passed; the call does not keep the pointer.
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    return result == 0 && Int32(address.ss_family) == AF_INET6 ? 48 : 28
  }

  /// Connects to a host name or an address in digits, and a port: to the first of its addresses
  /// that accepts a socket.
  ///
  /// Resolving a name may block for seconds; `ServerLink` does not block.
  public init(host: Span<UInt8>, port: UInt16) throws(TransportError) {
    // A C string must not contain a zero byte before its end.
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

  /// Takes ownership of a connected, non-blocking descriptor.
  init(descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
  }

  /// Closes the socket before the value ends; do not use it afterwards.
  public mutating func close() {
    if descriptor >= 0 { _ = CPOSIX.close(descriptor) }
    descriptor = -1
  }

  /// Sends one datagram.
  ///
  /// If the send queue is full, the datagram is lost, as the network may lose it; CoAP retransmits.
  /// Throws `unreachable` when the device no longer has the address that the socket was connected with.
  public func send(_ datagram: Span<UInt8>) throws(TransportError) {
    // SAFETY: the pointer covers exactly the datagram and does not outlive the call.
    let sent = unsafe datagram.withUnsafeBufferPointer {
      unsafe nbiot_send_datagram(descriptor, $0.baseAddress, $0.count)
    }
    if sent < 0 { try Self.check(nbiot_errno()) }
  }

  /// Appends one datagram to an empty `output` and returns whether there was one.
  ///
  /// An empty datagram, or one that does not fit, leaves `output` empty.
  public func receive(into output: inout ByteWriter) throws(TransportError) -> Bool {
    let start = output.count
    guard let length = try receiveHead(into: &output) else { return false }
    if output.count - start < length { output.truncate(to: start) }
    return true
  }

  /// Appends one datagram to an empty `output`, cut off if it does not fit, and returns its whole
  /// length; `nil` if there was none.
  package func receiveHead(into output: inout ByteWriter) throws(TransportError) -> Int? {
    var received = 0
    unsafe output.appendUnchecked { room in
      // SAFETY: the pointer covers exactly the room, although the result tells the whole length.
      received = unsafe nbiot_receive(descriptor, room.baseAddress, room.count)
      return max(0, min(received, room.count))
    }
    if received >= 0 { return received }
    try Self.check(nbiot_errno())
    return nil
  }

  /// Waits for a datagram, an error or the deadline; `nil` waits without limit.
  public func wait(until deadline: Instant?) {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    // SAFETY: one entry, and the call does not keep the pointer.
    _ = unsafe poll(&entry, 1, MonotonicClock.timeout(until: deadline))
  }

  private static func check(_ code: Int32) throws(TransportError) {
    switch code {
    case EAGAIN, EINTR, ENOBUFS: return
    // An ICMP message reported a datagram too long for a link on the path: that datagram is lost,
    // and from now on the system knows the path MTU and fragments accordingly.
    // conformance: 7252-4.2-i
    case EMSGSIZE: return
    // conformance: 7252-4.2-h
    case ECONNREFUSED: throw .refused
    default: throw .unreachable(code: code)
    }
  }
}

extension TransportError {
  /// The meaning of `errno` when a socket cannot be created or connected.
  init(connecting code: Int32) {
    switch code {
    case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL: self = .unreachable(code: code)
    default: self = .system(code: code)
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore

/// A UDP socket to a named server; it switches to the server's next address when one does not
/// answer.
///
/// Nothing blocks: names are resolved on a thread of their own, addresses in digits need no lookup.
/// Of a name's addresses, at most 8, it uses the first until that fails (RFC 6724 Section 2), then
/// the next. When an address that has answered fails, the name is resolved anew and that address is
/// tried first. Order of calls: `open` before sending; while it returns `false`, wait for
/// `descriptor`; `confirm` when the server has answered; `fail` when it has not, or when the socket
/// reports an error.
public struct ServerLink: ~Copyable {
  /// The socket to the current address; closed if there is none.
  public private(set) var socket = UDPSocket()

  /// The descriptor of the running lookup; -1 if there is none.
  private var lookup: Int32 = -1
  private let port: UInt16
  /// The index of the current or next address; the list's count if the name has to be resolved.
  private var current: Int32 = 0
  /// Whether the server has answered over the current socket.
  public private(set) var hasAnswered = false
  /// An address that had answered before it failed; family 0 if there is none.
  private var known = sockaddr_in6()
  private var addresses = nbiot_addresses()
  /// The host with a terminating zero byte; empty if it is invalid.
  private var host = FixedBytes<256>()

  /// Creates a link to a host name or an address in digits, at most 255 bytes, without resolving it
  /// yet.
  public init(host: Span<UInt8>, port: UInt16) {
    self.port = port
    for index in host.indices where host[index] == 0 { return }
    guard host.count < 256 else { return }
    self.host.write { (writer: inout ByteWriter) in
      try? writer.append(host)
      try? writer.append(0)
    }
  }

  deinit {
    if lookup >= 0 { _ = CPOSIX.close(lookup) }
  }

  /// Becomes readable when a datagram, an error or the result of a lookup arrives; -1 if there is
  /// none to wait for.
  public var descriptor: Int32 { socket.isOpen ? socket.descriptor : lookup }

  /// Whether the host name is being resolved; to send, wait until `descriptor` is readable, then
  /// call `open`.
  public var isResolving: Bool { lookup >= 0 }

  /// Creates the socket; returns `false` while the name is being resolved.
  ///
  /// Throws if the name has no address, or no socket can be connected to any; the next call starts
  /// over.
  @inline(never)
  public mutating func open() throws(TransportError) -> Bool {
    if socket.isOpen { return true }
    if lookup >= 0 || current >= addresses.count {
      guard isLookedUp() else { return false }
      guard addresses.code == 0 else { throw .unknownHost(code: addresses.code) }
    }
    var code: Int32 = 0
    while current < addresses.count {
      let descriptor = unsafe nbiot_open_udp(&addresses, current, port)
      if descriptor >= 0 {
        socket = UDPSocket(descriptor: descriptor)
        return true
      }
      code = nbiot_errno()
      current += 1
    }
    throw TransportError(connecting: code)
  }

  /// Records that the server has answered at the current address.
  public mutating func confirm() { hasAnswered = socket.isOpen }

  /// Drops the socket after an error or silence; returns whether another address can be tried at
  /// once.
  @inline(never)
  public mutating func fail() -> Bool {
    guard socket.isOpen else { return false }
    socket.close()
    if hasAnswered {
      // The device's or the server's address may have changed: resolve the name anew.
      unsafe known = withUnsafePointer(to: &addresses.list) {
        // SAFETY: the current address is one of the list.
        unsafe UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr_in6.self)[Int(current)]
      }
      hasAnswered = false
      current = addresses.count
      return false
    }
    known.sin6_family = 0
    current += 1
    return current < addresses.count
  }

  /// Closes the socket, and abandons a running lookup.
  public mutating func close() {
    socket.close()
    if lookup >= 0 { _ = CPOSIX.close(lookup) }
    lookup = -1
  }

  /// Starts a lookup, or takes the result of the running one; returns `false` if there is none yet.
  private mutating func isLookedUp() -> Bool {
    if lookup < 0 {
      current = 0
      guard host.count > 1 else {
        addresses.count = 0
        addresses.code = EAI_NONAME
        return true
      }
      // SAFETY: the name ends with a zero byte.
      unsafe lookup = host.bytes.withUnsafeBytes {
        unsafe nbiot_start_lookup(
          $0.bindMemory(to: CChar.self).baseAddress,
          $0.count - 1,
          &addresses
        )
      }
      if lookup >= 0 { return false }
    } else {
      guard unsafe nbiot_finish_lookup(lookup, &addresses) != 0 else { return false }
      lookup = -1
    }
    if known.sin6_family != 0 { unsafe nbiot_prefer_address(&addresses, &known) }
    return true
  }
}

#if !hasFeature(Embedded)
extension ServerLink {
  /// Creates a link as if the host's name had been resolved to these addresses, in digits; with
  /// none, the name still has to be resolved.
  package init(host: Span<UInt8>, addresses: [String], port: UInt16) {
    self.init(host: host, port: port)
    for text in addresses {
      var found = nbiot_addresses()
      unsafe nbiot_find_addresses(text, AI_NUMERICHOST, &found)
      unsafe nbiot_add_address(&found, &self.addresses)
    }
  }

  /// The addresses of a host in digits, in the order in which they are tried; blocks while the name
  /// is resolved.
  package static func addresses(ofHost host: String) throws(TransportError) -> [String] {
    var found = nbiot_addresses()
    var name = Array(host.utf8.map { CChar(bitPattern: $0) }) + [0]
    guard name.count <= 256, !name.dropLast().contains(0) else {
      throw .unknownHost(code: EAI_NONAME)
    }
    unsafe nbiot_find_addresses(name, AI_NUMERICHOST, &found)
    if found.code == EAI_NONAME { unsafe nbiot_find_name(&name, name.count - 1, &found) }
    guard found.code == 0 else { throw .unknownHost(code: found.code) }
    return (0..<found.count).map { index in
      var text = [CChar](repeating: 0, count: 64)
      unsafe nbiot_address_text(&found, index, &text, text.count)
      return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
  }
}
#endif

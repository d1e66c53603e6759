internal import CPOSIX
internal import ConstrainedCore

/// A UDP socket to a server that has a name, and moves on when an address of it does not answer.
///
/// Nothing blocks: a name is looked up on a thread of its own, an address in digits needs neither. Of the
/// addresses of a name, 8 at most, the first one is used until it fails (RFC 6724 Section 2), then the next
/// one; one that has answered is tried first again, after the name was looked up anew. Order of calls: `open`
/// before something is sent; while it gives `false`, wait for `descriptor`; `confirm` when the server has
/// answered; `fail` when it has not, or the socket tells of an error.
public struct ServerLink: ~Copyable {
  /// The socket to the address at hand; closed while there is none.
  public private(set) var socket = UDPSocket()

  /// The descriptor of the lookup under way; -1 when there is none.
  private var lookup: Int32 = -1
  private let port: UInt16
  /// The address at hand, or the next one; the list's end when the name is to be looked up.
  private var current: Int32 = 0
  /// Whether the server has answered over the socket at hand.
  public private(set) var hasAnswered = false
  /// The address that has answered before it failed; the family is 0 when there is none.
  private var known = sockaddr_in6()
  private var addresses = nbiot_addresses()
  /// The host with a zero byte at its end; empty when it can be none.
  private var host = FixedBytes<256>()

  /// A link to a host, in digits or by name, of at most 255 bytes; nothing is looked up yet.
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

  /// What becomes readable when a datagram, an error or the end of a lookup is there; -1 for nothing.
  public var descriptor: Int32 { socket.isOpen ? socket.descriptor : lookup }

  /// Whether the host's name is being looked up: nothing can be sent until `descriptor` is readable and `open`
  /// was called.
  public var isResolving: Bool { lookup >= 0 }

  /// Makes the socket; `false` while the name is being looked up.
  ///
  /// Throws when the name has no address, or no socket can be made to any; the next call starts over.
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

  /// Notes that the server has answered at the address at hand.
  public mutating func confirm() { hasAnswered = socket.isOpen }

  /// Gives up the socket, because of its error or of silence; whether there is another address to be tried
  /// at once.
  @inline(never)
  public mutating func fail() -> Bool {
    guard socket.isOpen else { return false }
    socket.close()
    if hasAnswered {
      // The device's own address may have changed, or the server's: the name is looked up anew.
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

  /// Closes the socket, and forgets a lookup under way.
  public mutating func close() {
    socket.close()
    if lookup >= 0 { _ = CPOSIX.close(lookup) }
    lookup = -1
  }

  /// Starts a lookup or takes in the answer of the one under way; `false` when there is none yet.
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
  /// A link to a host whose name was looked up with these addresses, in digits, as the answer; with none it is
  /// yet to be looked up.
  package init(host: Span<UInt8>, addresses: [String], port: UInt16) {
    self.init(host: host, port: port)
    for text in addresses {
      var found = nbiot_addresses()
      unsafe nbiot_find_addresses(text, AI_NUMERICHOST, &found)
      unsafe nbiot_add_address(&found, &self.addresses)
    }
  }

  /// The addresses of a host in the order in which they are tried, in digits; blocks while a name is looked
  /// up.
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

// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// How a channel reaches its server, and how much memory it may take.
public struct ChannelSettings: Sendable {
  /// How the server is reached.
  public var transport: ChannelTransport
  /// The server's name, or its address in digits, up to 255 bytes.
  public var host = FixedBytes<255>()
  /// The server's port.
  public var port: UInt16
  /// The path of a WebSocket, with its slash; MQTT 3.1.1 Section 6 names none.
  ///
  /// Unverified: the device guide's section 3.3 names none either; `/mqtt` is usual.
  public var path = FixedBytes<64>()
  /// How long TCP, TLS and CONNACK may take together, in seconds.
  public var connectTimeout: UInt16 = 60
  /// The longest message that is taken, topic and payload, in bytes.
  public var messageLimit = 32_768
  /// The memory for messages that have come and wait to be taken, in bytes.
  public var incomingBytes = 65_536
  /// The memory for messages that wait to be sent, in bytes.
  public var outgoingBytes = 32_768
  /// What the library may hold for a connection, in bytes: more than that cuts it.
  ///
  /// At least four times `messageLimit`.
  public var memoryLimit = 1_048_576

  /// A server's address; the host is checked when the channel is made.
  public init(_ transport: ChannelTransport, host: Span<UInt8>, port: UInt16) throws(ChannelError) {
    self.transport = transport
    self.port = port
    do throws(CapacityError) {
      try self.host.replace(with: host)
      try path.write { (writer: inout ByteWriter) throws(CapacityError) in
        try writer.append("/mqtt")
      }
    } catch {
      throw .host
    }
  }
}

extension ChannelSettings {
  /// The host without a dot at its end.
  var name: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let name = host.bytes
      let isAbsolute = name.count > 1 && name[name.count - 1] == UInt8(ascii: ".")
      return name.extracting(droppingLast: isAbsolute ? 1 : 0)
    }
  }

  /// Appends the server's address as the library reads it, with a zero byte at its end.
  ///
  /// A dot at the end of a name, which makes it absolute, is left out: the certificate's name has none. An IPv6 address
  /// has no brackets where there is a certificate: the library would look for them in it. It takes the last colon for
  /// the port's.
  func writeAddress(into output: inout ByteWriter) throws(CapacityError) {
    try output.append(transport.scheme)
    let name = name
    var isBracketed = false
    for index in name.indices where name[index] == UInt8(ascii: ":") {
      isBracketed = !transport.isSecure
    }
    if isBracketed { try output.append(UInt8(ascii: "[")) }
    try output.append(name)
    if isBracketed { try output.append(UInt8(ascii: "]")) }
    try output.append(UInt8(ascii: ":"))
    try output.append(decimal: UInt64(port))
    if transport.isWebSocket { try output.append(path.bytes) }
    try output.append(0)
  }
}

/// How packets reach the server.
public enum ChannelTransport: Sendable {
  /// TCP, in the clear.
  case tcp
  /// TLS over TCP.
  case tls
  /// A WebSocket, in the clear.
  case webSocket
  /// A WebSocket over TLS.
  case secureWebSocket

  /// Whether the server proves itself.
  public var isSecure: Bool {
    switch self {
    case .tls, .secureWebSocket: true
    case .tcp, .webSocket: false
    }
  }

  var scheme: StaticString {
    switch self {
    case .tcp: "tcp://"
    case .tls: "ssl://"
    case .webSocket: "ws://"
    case .secureWebSocket: "wss://"
    }
  }

  var isWebSocket: Bool {
    switch self {
    case .webSocket, .secureWebSocket: true
    case .tcp, .tls: false
    }
  }
}

/// Why there is no channel.
public enum ChannelError: Error, Equatable, Sendable {
  /// The host is empty, too long, or has characters that neither a name nor an address has.
  case host
  /// A path without a slash at its start, or with white space or a control character.
  case path
  /// TLS without authorities to trust.
  case authorities
  /// A limit that leaves no room for a message.
  case limits
  /// The system gave no memory, descriptor or thread; `errno`.
  case system(code: Int32)
}

/// What a channel has done.
public struct ChannelCounters: Sendable {
  /// Connections asked for.
  public var connects = 0
  /// Messages taken.
  public var received = 0
  /// Messages, and acknowledgements of nothing, dropped.
  public var dropped = 0
  /// Connections that were cut because the library took too much memory.
  public var cuts = 0
}

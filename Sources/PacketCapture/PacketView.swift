/// One packet of a capture, its bytes borrowed.
public struct PacketView: ~Escapable {
  /// What the capture kept of it, from the link layer on.
  public let bytes: Span<UInt8>

  /// How many bytes the packet had on the wire; never fewer than were kept.
  public let originalCount: Int

  /// When it was captured, in microseconds since 1970.
  ///
  /// The number is the file's: it may be anything.
  public let microseconds: Int64

  /// A packet of those bytes.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, originalCount: Int, microseconds: Int64) {
    self.bytes = bytes
    self.originalCount = max(originalCount, bytes.count)
    self.microseconds = microseconds
  }
}

/// A UDP datagram in a captured packet, its payload borrowed.
public struct DatagramView: ~Escapable {
  /// Who sent it.
  public let source: Endpoint

  /// Whom to.
  public let destination: Endpoint

  /// What the capture kept of its payload.
  public let payload: Span<UInt8>

  /// How many bytes the payload had on the wire; more than were kept when the capture cut it short.
  public let originalCount: Int

  @_lifetime(copy payload)
  init(
    source: Endpoint,
    destination: Endpoint,
    payload: Span<UInt8>,
    originalCount: Int
  ) {
    self.source = source
    self.destination = destination
    self.payload = payload
    self.originalCount = originalCount
  }
}

/// Why no datagram could be taken out of a packet.
public enum PacketError: Error, Equatable, Sendable {
  /// It carries no UDP over IP, or the link type is not one of `LinkType.supported`.
  case notUDP
  /// It is one of the fragments of an IP packet; fragments are not put together again.
  case fragment
  /// The capture cut it short before the datagram's payload.
  case cutShort
  /// A length or a version in its headers contradicts the packet.
  case malformed
}

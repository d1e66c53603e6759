// SPDX-License-Identifier: Apache-2.0
/// A captured packet, its bytes borrowed.
public struct PacketView: ~Escapable {
  /// The captured bytes, from the link layer on.
  public let bytes: Span<UInt8>

  /// The length of the packet on the wire in bytes; never less than the captured bytes.
  public let originalCount: Int

  /// The time of capture, in microseconds since 1970.
  ///
  /// The number comes from the file and may have any value.
  public let microseconds: Int64

  /// Creates a view of a packet.
  @_lifetime(copy bytes)
  public init(_ bytes: Span<UInt8>, originalCount: Int, microseconds: Int64) {
    self.bytes = bytes
    self.originalCount = max(originalCount, bytes.count)
    self.microseconds = microseconds
  }
}

/// A UDP datagram in a captured packet, its payload borrowed.
public struct DatagramView: ~Escapable {
  /// The sender's address and port.
  public let source: Endpoint

  /// The receiver's address and port.
  public let destination: Endpoint

  /// The captured bytes of the payload.
  public let payload: Span<UInt8>

  /// The length of the payload on the wire in bytes; more than were captured if the capture cut it
  /// short.
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

/// A UDP datagram or a TCP segment in a captured packet, its payload borrowed.
public struct SegmentView: ~Escapable {
  /// The sender's address and port.
  public let source: Endpoint

  /// The receiver's address and port.
  public let destination: Endpoint

  /// The captured bytes of the payload.
  public let payload: Span<UInt8>

  /// The length of the payload on the wire in bytes.
  public let originalCount: Int

  /// The length of the IP packet on the wire in bytes, its header included.
  public let packetCount: Int

  /// TCP's sequence number; `nil` for UDP.
  public let sequence: UInt32?

  @_lifetime(copy payload)
  init(
    source: Endpoint,
    destination: Endpoint,
    payload: Span<UInt8>,
    originalCount: Int,
    packetCount: Int,
    sequence: UInt32?
  ) {
    self.source = source
    self.destination = destination
    self.payload = payload
    self.originalCount = originalCount
    self.packetCount = packetCount
    self.sequence = sequence
  }
}

/// Why a packet yields no datagram.
public enum PacketError: Error, Equatable, Sendable {
  /// The packet is not UDP over IP, or the link type is not in `LinkType.supported`.
  case notUDP
  /// The packet is an IP fragment; fragments are not reassembled.
  case fragment
  /// The capture cut the packet short before the datagram's payload.
  case cutShort
  /// A length or version in the headers contradicts the packet.
  case malformed
}

// SPDX-License-Identifier: Apache-2.0
extension PacketView {
  /// The UDP datagram in the packet; every length is checked against the packet.
  ///
  /// It skips 802.1Q and 802.1ad tags, IPv4 options and IPv6 extension headers. Checksums are not
  /// verified: with checksum offloading, outgoing packets are captured without them.
  @_lifetime(copy self)
  public func datagram(_ linkType: LinkType) throws(PacketError) -> DatagramView {
    var reader = LayerReader(self)
    let packet = try reader.packet(linkType)
    return try reader.udp(packet.source, packet.destination)
  }

  /// The UDP datagram or TCP segment in the packet, read as `datagram` reads one; `notUDP` for other protocols.
  @_lifetime(copy self)
  public func segment(_ linkType: LinkType) throws(PacketError) -> SegmentView {
    var reader = LayerReader(self)
    reader.takesTCP = true
    let packet = try reader.packet(linkType)
    let ports = (try reader.uint16(0), try reader.uint16(2))
    let source = Endpoint(address: packet.source, port: ports.0)
    let destination = Endpoint(address: packet.destination, port: ports.1)
    guard packet.next == 6 else {
      let datagram = try reader.udp(packet.source, packet.destination)
      return SegmentView(
        source: source,
        destination: destination,
        payload: datagram.payload,
        originalCount: datagram.originalCount,
        packetCount: packet.count,
        sequence: nil
      )
    }
    // RFC 9293 Section 3.1.
    let sequence = try reader.uint32(4)
    let headerLength = Int(try reader.byte(12) >> 4) * 4
    guard headerLength >= 20 else { throw .malformed }
    try reader.advance(headerLength)
    return SegmentView(
      source: source,
      destination: destination,
      payload: reader.rest,
      originalCount: reader.end - reader.offset,
      packetCount: packet.count,
      sequence: sequence
    )
  }
}

/// Reads the layers of a packet from the outermost inwards.
private struct LayerReader: ~Escapable {
  let bytes: Span<UInt8>
  /// The offset of the next layer.
  var offset = 0
  /// The end of the layer on the wire, which may be beyond the captured bytes.
  var end: Int
  /// Whether TCP is taken as well.
  var takesTCP = false

  @_lifetime(copy packet)
  init(_ packet: PacketView) {
    bytes = packet.bytes
    end = packet.originalCount
  }

  /// The byte at an offset from the layer's start.
  func byte(_ place: Int) throws(PacketError) -> UInt8 {
    guard place < end - offset else { throw .malformed }
    guard place < bytes.count - offset else { throw .cutShort }
    return bytes[offset + place]
  }

  func uint16(_ place: Int) throws(PacketError) -> UInt16 {
    UInt16(try byte(place)) << 8 | UInt16(try byte(place + 1))
  }

  func uint32(_ place: Int) throws(PacketError) -> UInt32 {
    UInt32(try uint16(place)) << 16 | UInt32(try uint16(place + 2))
  }

  func uint64(_ place: Int) throws(PacketError) -> UInt64 {
    UInt64(try uint32(place)) << 32 | UInt64(try uint32(place + 4))
  }

  /// Sets the end of the layer, as a distance from its start.
  mutating func setLength(_ length: Int) throws(PacketError) {
    guard length <= end - offset else { throw .malformed }
    end = offset + length
  }

  /// Advances to the next layer, `length` bytes further.
  mutating func advance(_ length: Int) throws(PacketError) {
    guard length <= end - offset else { throw .malformed }
    offset += length
  }

  /// Skips the link layer; returns 4 or 6 for IP, 0 for another protocol.
  mutating func internetProtocol(_ linkType: LinkType) throws(PacketError) -> UInt8 {
    switch linkType {
    case .ethernet:
      let type = try uint16(12)
      try advance(14)
      return try etherType(type)
    case .linuxCooked:
      let type = try uint16(14)
      try advance(16)
      return try etherType(type)
    case .linuxCooked2:
      let type = try uint16(0)
      try advance(20)
      return try etherType(type)
    case .null, .loop:
      let family = try uint32(0)
      try advance(4)
      return Self.version(family: family, isNull: linkType == .null)
    case .raw, .rawInFile, .ipv4, .ipv6: return try byte(0) >> 4
    default: throw .notUDP
    }
  }

  private mutating func etherType(_ first: UInt16) throws(PacketError) -> UInt8 {
    var type = first
    // 802.1Q, 802.1ad and its predecessor: a tag of 2 bytes, then the type of the payload.
    while type == 0x8100 || type == 0x88A8 || type == 0x9100 {
      type = try uint16(2)
      try advance(4)
    }
    return type == 0x0800 ? 4 : type == 0x86DD ? 6 : 0
  }

  /// AF_INET is 2 everywhere; AF_INET6 is 24, 28 or 30 on systems with this link type, and 10 on
  /// Linux.
  private static func version(family: UInt32, isNull: Bool) -> UInt8 {
    func version(_ family: UInt32) -> UInt8 {
      switch family {
      case 2: 4
      case 10, 24, 28, 30: 6
      default: 0
      }
    }
    let found = version(family)
    return found == 0 && isNull ? version(family.byteSwapped) : found
  }

  /// What was captured of the layer.
  var rest: Span<UInt8> {
    @_lifetime(copy self)
    get { bytes.extracting(min(offset, bytes.count)..<min(end, bytes.count)) }
  }

  /// Skips everything up to UDP or TCP: the protocol's number, the addresses, and the length of the IP packet.
  mutating func packet(_ linkType: LinkType) throws(PacketError) -> InternetPacket {
    switch try internetProtocol(linkType) {
    case 4: return try ipv4()
    case 6: return try ipv6()
    default: throw .notUDP
    }
  }

  private func takes(_ next: UInt8) -> Bool { next == 17 || takesTCP && next == 6 }

  /// RFC 791 Section 3.1.
  private mutating func ipv4() throws(PacketError) -> InternetPacket {
    let first = try byte(0)
    let headerLength = Int(first & 0x0F) * 4
    guard first >> 4 == 4, headerLength >= 20 else { throw .malformed }
    let totalLength = Int(try uint16(2))
    // With segmentation offloading the length is 0.
    if totalLength != 0 {
      guard totalLength >= headerLength else { throw .malformed }
      try setLength(totalLength)
    }
    let next = try byte(9)
    guard takes(next) else { throw .notUDP }
    // More Fragments, or an offset.
    guard try uint16(6) & 0x3FFF == 0 else { throw .fragment }
    let source = IPAddress(ipv4: try uint32(12))
    let destination = IPAddress(ipv4: try uint32(16))
    let count = end - offset
    try advance(headerLength)
    return InternetPacket(next: next, source: source, destination: destination, count: count)
  }

  /// RFC 8200 Sections 3 and 4.
  private mutating func ipv6() throws(PacketError) -> InternetPacket {
    guard try byte(0) >> 4 == 6 else { throw .malformed }
    let payloadLength = Int(try uint16(4))
    var next = try byte(6)
    let source = IPAddress(ipv6: try uint64(8), try uint64(16))
    let destination = IPAddress(ipv6: try uint64(24), try uint64(32))
    try advance(40)
    try setLength(payloadLength)
    while !takes(next) {
      let length: Int
      switch next {
      // Hop-by-hop options, routing, destination options, mobility: length in units of 8 bytes,
      // less one.
      case 0, 43, 60, 135: length = (Int(try byte(1)) + 1) * 8
      // Authentication header: length in units of 4 bytes, less two.
      case 51: length = (Int(try byte(1)) + 2) * 4
      case 44:
        // An unfragmented packet may still have a fragment header (RFC 6946).
        guard try uint16(2) & 0xFFF9 == 0 else { throw .fragment }
        length = 8
      default: throw .notUDP
      }
      next = try byte(0)
      try advance(length)
    }
    return InternetPacket(
      next: next,
      source: source,
      destination: destination,
      count: 40 + payloadLength
    )
  }

  /// RFC 768.
  @_lifetime(copy self)
  mutating func udp(
    _ source: IPAddress,
    _ destination: IPAddress
  ) throws(PacketError) -> DatagramView {
    let sourcePort = try uint16(0)
    let destinationPort = try uint16(2)
    let length = Int(try uint16(4))
    guard length >= 8 else { throw .malformed }
    try setLength(length)
    try advance(8)
    guard offset <= bytes.count else { throw .cutShort }
    return DatagramView(
      source: Endpoint(address: source, port: sourcePort),
      destination: Endpoint(address: destination, port: destinationPort),
      payload: bytes.extracting(offset..<min(end, bytes.count)),
      originalCount: end - offset
    )
  }
}

/// The header of an IP packet.
private struct InternetPacket {
  /// The protocol behind it: 17 is UDP, 6 is TCP.
  let next: UInt8
  let source: IPAddress
  let destination: IPAddress
  /// The length of the packet on the wire, its header included.
  let count: Int
}

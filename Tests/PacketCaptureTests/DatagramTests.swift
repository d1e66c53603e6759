// SPDX-License-Identifier: Apache-2.0
import PacketCapture
import TestSupport
import Testing

/// The result for a packet, in comparable form.
struct Found: Equatable {
  let source: String
  let destination: String
  let payload: [UInt8]
  let originalCount: Int
}

func datagram(
  _ bytes: [UInt8],
  _ linkType: LinkType,
  originalCount: Int? = nil
) throws(PacketError) -> Found {
  let packet = PacketView(
    bytes.span,
    originalCount: originalCount ?? bytes.count,
    microseconds: 0
  )
  let datagram = try packet.datagram(linkType)
  return Found(
    source: datagram.source.description,
    destination: datagram.destination.description,
    payload: array(datagram.payload),
    originalCount: datagram.originalCount
  )
}

@Suite("Datagrams in captured packets")
struct DatagramTests {
  static let payload: [UInt8] = [0x40, 0x01, 0x7D, 0x34]
  static let over4 = PacketBytes.ipv4(PacketBytes.udp(payload))
  static let over6 = PacketBytes.ipv6(PacketBytes.udp(payload))
  static let found4 = Found(
    source: "10.0.0.2:40000",
    destination: "192.0.2.1:5682",
    payload: payload,
    originalCount: 4
  )
  static let found6 = Found(
    source: "[2001:db8::2]:40000",
    destination: "[2001:db8::1:0:0:1]:5682",
    payload: payload,
    originalCount: 4
  )

  static let links: [(LinkType, [UInt8], [UInt8])] = [
    (.ethernet, PacketBytes.ethernet(over4), PacketBytes.ethernet(over6, type: 0x86DD)),
    (
      .ethernet,
      PacketBytes.ethernet(over4, tags: [0x81, 0x00, 0x00, 0x2A]),
      PacketBytes.ethernet(over6, type: 0x86DD, tags: [0x88, 0xA8, 0, 1, 0x81, 0x00, 0x00, 0x2A])
    ),
    (.linuxCooked, PacketBytes.cooked(over4), PacketBytes.cooked(over6, type: 0x86DD)),
    (.linuxCooked2, PacketBytes.cooked2(over4), PacketBytes.cooked2(over6, type: 0x86DD)),
    (.raw, over4, over6), (.rawInFile, over4, over6), (.ipv4, over4, over4), (.ipv6, over6, over6),
    (.null, [2, 0, 0, 0] + over4, [30, 0, 0, 0] + over6),
    (.null, [0, 0, 0, 2] + over4, [0, 0, 0, 24] + over6),
    (.loop, [0, 0, 0, 2] + over4, [0, 0, 0, 28] + over6),
  ]

  @Test(arguments: links)
  func `a datagram is found behind every link layer`(
    linkType: LinkType,
    over4: [UInt8],
    over6: [UInt8]
  ) throws {
    #expect(LinkType.supported.contains(linkType))
    #expect(try datagram(over4, linkType) == (linkType == .ipv6 ? Self.found6 : Self.found4))
    #expect(try datagram(over6, linkType) == (linkType == .ipv4 ? Self.found4 : Self.found6))
  }

  @Test(arguments: links)
  func `a packet cut short anywhere is said to be, and never read beyond its end`(
    linkType: LinkType,
    over4: [UInt8],
    over6: [UInt8]
  ) throws {
    for packet in [over4, over6] {
      for count in 0..<packet.count - 4 {
        #expect(throws: PacketError.cutShort) {
          try datagram(Array(packet[..<count]), linkType, originalCount: packet.count)
        }
      }
      for kept in 0..<4 {
        let found = try datagram(
          Array(packet[..<(packet.count - 4 + kept)]),
          linkType,
          originalCount: packet.count
        )
        #expect(found.payload == Array(Self.payload[..<kept]))
        #expect(found.originalCount == 4)
      }
      // Taken as a whole packet, the same bytes contradict their lengths.
      for count in 0..<packet.count {
        #expect(throws: PacketError.malformed) {
          try datagram(Array(packet[..<count]), linkType)
        }
      }
    }
  }

  @Test(arguments: links)
  func `every flipped bit is found or refused`(
    linkType: LinkType,
    over4: [UInt8],
    over6: [UInt8]
  ) {
    for packet in [over4, over6] {
      for bit in 0..<8 * packet.count {
        var flipped = packet
        flipped[bit / 8] ^= 1 << UInt8(bit % 8)
        if let found = try? datagram(flipped, linkType) {
          #expect(found.payload.count <= 4)
        }
      }
    }
  }

  @Test func `padding behind the IP packet is not payload`() throws {
    let padded = PacketBytes.ethernet(Self.over4) + [UInt8](repeating: 0, count: 14)
    #expect(try datagram(padded, .ethernet) == Self.found4)
  }

  @Test func `IPv4 options are passed over`() throws {
    let packet = PacketBytes.ipv4(
      PacketBytes.udp(Self.payload),
      options: [0x94, 4, 0, 0, 1, 1, 1, 0]
    )
    #expect(try datagram(packet, .raw) == Self.found4)
  }

  @Test func `a total length of 0 means the rest, as offloading captures it`() throws {
    let packet = PacketBytes.ipv4(PacketBytes.udp(Self.payload), length: 0)
    #expect(try datagram(packet, .raw) == Self.found4)
  }

  @Test func `IPv6 extension headers are passed over`() throws {
    let udp = PacketBytes.udp(Self.payload)
    let hopByHop: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0]
    let destination: [UInt8] = [51, 1] + [UInt8](repeating: 0, count: 14)
    let authentication: [UInt8] = [44, 4] + [UInt8](repeating: 0, count: 22)
    let atomicFragment: [UInt8] = [17, 0, 0, 0, 1, 2, 3, 4]
    let packet = PacketBytes.ipv6(
      hopByHop + destination + authentication + atomicFragment + udp,
      next: 0
    )
    #expect(try datagram(packet, .raw) == Self.found6)
  }

  @Test func `fragments are told from other packets`() {
    let udp = PacketBytes.udp(Self.payload)
    for fragment in [0x2000, 0x0001, 0x2001, 0x1FFF] {
      #expect(throws: PacketError.fragment) {
        try datagram(PacketBytes.ipv4(udp, fragment: fragment), .raw)
      }
    }
    for offset: [UInt8] in [[0, 1], [0, 8], [0xFF, 0xF8]] {
      let packet = PacketBytes.ipv6([17, 0] + offset + [0, 0, 0, 1] + udp, next: 44)
      #expect(throws: PacketError.fragment) { try datagram(packet, .raw) }
    }
    // Don't Fragment does not make a fragment.
    #expect(throws: Never.self) { try datagram(PacketBytes.ipv4(udp, fragment: 0x4000), .raw) }
  }

  static let others: [(LinkType, [UInt8], PacketError)] = [
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload), next: 6), .notUDP),
    (.raw, PacketBytes.ipv6(PacketBytes.udp(payload), next: 58), .notUDP),
    (.raw, [0x50] + over4.dropFirst(), .notUDP),
    (.ethernet, PacketBytes.ethernet(over4, type: 0x0806), .notUDP),
    (.ethernet, PacketBytes.ethernet(over4, type: 100), .notUDP),
    (.null, [0, 0, 0, 7] + over4, .notUDP),
    (.loop, [2, 0, 0, 0] + over4, .notUDP),
    (LinkType(rawValue: 105), over4, .notUDP),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload), first: 0x44), .malformed),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload), first: 0x4F), .malformed),
    (.ethernet, PacketBytes.ethernet(over6), .malformed),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload), length: 19), .malformed),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload), length: 33), .malformed),
    (.raw, PacketBytes.ipv6(PacketBytes.udp(payload), length: 13), .malformed),
    (.raw, PacketBytes.ipv6(PacketBytes.udp(payload), length: 0), .malformed),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload, length: 7)), .malformed),
    (.raw, PacketBytes.ipv4(PacketBytes.udp(payload, length: 13)), .malformed),
    (.raw, PacketBytes.ipv6([17, 255] + PacketBytes.udp(payload), next: 60), .malformed),
  ]

  @Test(arguments: others)
  func `what is no datagram is refused with its reason`(
    linkType: LinkType,
    packet: [UInt8],
    error: PacketError
  ) {
    #expect(throws: error) { try datagram(packet, linkType) }
  }

  @Test(arguments: [
    ("00000000000000000000000000000000", "[::]:1"),
    ("00000000000000000000000000000001", "[::1]:1"),
    ("20010db8000000000000000000000000", "[2001:db8::]:1"),
    ("20010db8000000010001000100010001", "[2001:db8:0:1:1:1:1:1]:1"),
    ("00010000000000010000000000000001", "[1:0:0:1::1]:1"),
    ("00010000000000010002000000000001", "[1::1:2:0:0:1]:1"),
    ("0001000200030004000500060007000f", "[1:2:3:4:5:6:7:f]:1"),
  ])
  func `an IPv6 address is written as RFC 5952 asks`(hex: String, text: String) throws {
    var packet = PacketBytes.ipv6(PacketBytes.udp([], from: 1))
    packet.replaceSubrange(8..<24, with: TestSupport.hex(hex))
    #expect(try datagram(packet, .raw).source == text)
  }
}

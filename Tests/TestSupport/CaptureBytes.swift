// SPDX-License-Identifier: Apache-2.0
/// Capture files as tcpdump and Wireshark write them, little-endian, times in microseconds.
package enum CaptureBytes {
  /// What a capture kept of a packet, how many bytes it had, and when it came.
  package typealias Packet = (bytes: [UInt8], count: Int, microseconds: Int)

  /// The older format: a header, and a record for each packet.
  package static func pcap(linkType: Int, _ packets: [Packet]) -> [UInt8] {
    var file = little32(0xA1B2_C3D4) + [2, 0, 4, 0] + little32(0) + little32(0) + little32(262_144)
    file += little32(linkType)
    for packet in packets {
      file += little32(packet.microseconds / 1_000_000)
      file += little32(packet.microseconds % 1_000_000)
      file += little32(packet.bytes.count) + little32(packet.count) + packet.bytes
    }
    return file
  }

  /// The newer format: a section, an interface, and a block for each packet.
  package static func pcapng(linkType: Int, _ packets: [Packet]) -> [UInt8] {
    var section = little32(0x1A2B_3C4D) + [1, 0, 0, 0]
    section += [UInt8](repeating: 255, count: 8)
    var file = block(0x0A0D_0D0A, section)
    file += block(1, [UInt8(linkType & 0xFF), UInt8(linkType >> 8), 0, 0] + little32(262_144))
    for packet in packets {
      let time = little32(packet.microseconds >> 32) + little32(packet.microseconds & 0xFFFF_FFFF)
      let counts = little32(packet.bytes.count) + little32(packet.count)
      file += block(6, little32(0) + time + counts + packet.bytes)
    }
    return file
  }

  private static func block(_ type: Int, _ body: [UInt8]) -> [UInt8] {
    let padded = body + [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    return little32(type) + little32(padded.count + 12) + padded + little32(padded.count + 12)
  }

  private static func little32(_ value: Int) -> [UInt8] {
    (0..<4).map { UInt8(value >> (8 * $0) & 0xFF) }
  }
}

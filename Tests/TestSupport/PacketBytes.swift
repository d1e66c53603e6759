// SPDX-License-Identifier: Apache-2.0
/// Packets as they lie in a capture, layer by layer.
package enum PacketBytes {
  private static func bytes16(_ value: Int) -> [UInt8] {
    [UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
  }

  /// A datagram, from port 40000 to 5682 unless told.
  package static func udp(
    _ payload: [UInt8],
    from source: Int = 40_000,
    to destination: Int = 5_682,
    length: Int? = nil
  ) -> [UInt8] {
    bytes16(source) + bytes16(destination) + bytes16(length ?? payload.count + 8) + [0, 0] + payload
  }

  /// A packet from 10.0.0.2 to 192.0.2.1.
  package static func ipv4(
    _ content: [UInt8],
    options: [UInt8] = [],
    fragment: Int = 0,
    next: UInt8 = 17,
    length: Int? = nil,
    first: UInt8? = nil
  ) -> [UInt8] {
    let header = 20 + options.count
    var bytes: [UInt8] = [first ?? (0x40 | UInt8(header / 4)), 0]
    bytes += bytes16(length ?? header + content.count)
    bytes += [0, 1]
    bytes += bytes16(fragment)
    bytes += [64, next, 0, 0]
    return bytes + [10, 0, 0, 2, 192, 0, 2, 1] + options + content
  }

  /// The packet of IPv4 with its addresses exchanged.
  package static func back(_ packet: [UInt8]) -> [UInt8] {
    Array(packet[..<12]) + Array(packet[16..<20]) + Array(packet[12..<16]) + Array(packet[20...])
  }

  /// A packet from 2001:db8::2 to 2001:db8::1:0:0:1.
  package static func ipv6(_ content: [UInt8], next: UInt8 = 17, length: Int? = nil) -> [UInt8] {
    let prefix: [UInt8] = [0x20, 0x01, 0x0D, 0xB8]
    return [0x60, 0, 0, 0] + bytes16(length ?? content.count) + [next, 64]
      + prefix + [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
      + prefix + [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1] + content
  }

  /// Behind an Ethernet header, and perhaps tags of 4 bytes.
  package static func ethernet(
    _ content: [UInt8],
    type: Int = 0x0800,
    tags: [UInt8] = []
  ) -> [UInt8] {
    [UInt8](repeating: 2, count: 12) + tags + bytes16(type) + content
  }

  /// Behind Linux's first cooked header.
  package static func cooked(_ content: [UInt8], type: Int = 0x0800) -> [UInt8] {
    [0, 4, 0, 1, 0, 6] + [UInt8](repeating: 0, count: 8) + bytes16(type) + content
  }

  /// Behind Linux's second cooked header.
  package static func cooked2(_ content: [UInt8], type: Int = 0x0800) -> [UInt8] {
    bytes16(type) + [UInt8](repeating: 0, count: 18) + content
  }
}

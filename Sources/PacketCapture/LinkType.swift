// SPDX-License-Identifier: Apache-2.0
/// The link-layer header of a captured packet, by libpcap's number (DLT_…).
public struct LinkType: RawRepresentable, Hashable, Sendable {
  /// libpcap's number.
  public var rawValue: Int32

  /// The link type of that number.
  public init(rawValue: Int32) {
    self.rawValue = rawValue
  }

  /// DLT_NULL: four bytes of protocol family in the capturing machine's byte order.
  public static let null = LinkType(rawValue: 0)
  /// DLT_EN10MB: Ethernet.
  public static let ethernet = LinkType(rawValue: 1)
  /// DLT_RAW with Linux's number: an IP packet.
  public static let raw = LinkType(rawValue: 12)
  /// LINKTYPE_RAW: the same with the number used in files.
  public static let rawInFile = LinkType(rawValue: 101)
  /// DLT_LOOP: as `null`, but in network byte order.
  public static let loop = LinkType(rawValue: 108)
  /// DLT_LINUX_SLL: the first version of Linux's header for the device "any".
  public static let linuxCooked = LinkType(rawValue: 113)
  /// DLT_IPV4: an IPv4 packet.
  public static let ipv4 = LinkType(rawValue: 228)
  /// DLT_IPV6: an IPv6 packet.
  public static let ipv6 = LinkType(rawValue: 229)
  /// DLT_LINUX_SLL2: the second version of that header.
  public static let linuxCooked2 = LinkType(rawValue: 276)

  /// The link types that can be read.
  public static let supported: [LinkType] = [
    .null, .ethernet, .raw, .rawInFile, .loop, .linuxCooked, .ipv4, .ipv6, .linuxCooked2,
  ]
}

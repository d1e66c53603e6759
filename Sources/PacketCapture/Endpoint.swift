// SPDX-License-Identifier: Apache-2.0
/// An IPv4 or IPv6 address.
public struct IPAddress: Hashable, Sendable {
  /// The 16 bytes of an IPv6 address, or the 4 bytes of an IPv4 address at the end.
  private let high: UInt64
  private let low: UInt64
  private let isIPv4: Bool

  init(ipv4: UInt32) {
    high = 0
    low = UInt64(ipv4)
    isIPv4 = true
  }

  init(ipv6 high: UInt64, _ low: UInt64) {
    self.high = high
    self.low = low
    isIPv4 = false
  }
}

extension IPAddress: CustomStringConvertible {
  /// The address in text: 192.0.2.1, or RFC 5952's form, 2001:db8::1.
  public var description: String {
    if isIPv4 {
      return [24, 16, 8, 0].map { "\(low >> $0 & 0xFF)" }.joined(separator: ".")
    }
    let groups = [high, low].flatMap { half in
      [48, 32, 16, 0].map { UInt16(truncatingIfNeeded: half >> $0) }
    }
    func text(_ part: some Sequence<UInt16>) -> String {
      part.map { String($0, radix: 16) }.joined(separator: ":")
    }
    guard let zeros = Self.longestZeros(groups) else { return text(groups) }
    return text(groups[..<zeros.lowerBound]) + "::" + text(groups[zeros.upperBound...])
  }

  /// RFC 5952 Section 4.2: the longest run of two or more zero groups, the first of equals.
  private static func longestZeros(_ groups: [UInt16]) -> Range<Int>? {
    var best = 0..<0
    var start = 0
    for index in 0...groups.count where index == groups.count || groups[index] != 0 {
      if index - start > best.count { best = start..<index }
      start = index + 1
    }
    return best.count >= 2 ? best : nil
  }
}

/// One end of a UDP datagram.
public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// The address.
  public let address: IPAddress
  /// The UDP port.
  public let port: UInt16

  /// `192.0.2.1:5683`, or `[2001:db8::1]:5683`.
  public var description: String {
    let text = address.description
    return text.contains(":") ? "[\(text)]:\(port)" : "\(text):\(port)"
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// An endpoint as typed by a person: `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]:PORT`, or one of
/// these as a CoAP URI, `coap://HOST:PORT` or `coaps://HOST:PORT/` (RFC 7252 Section 6).
///
/// A host is a name of letters, digits, `-`, `_` and `.`, an IPv4 address of four numbers or an
/// IPv6 address with an optional zone. White space and a byte order mark at the ends are ignored.
public struct EndpointText: Equatable, Sendable {
  /// The longest host, in bytes.
  public static var maxHost: Int { 255 }

  /// The scheme of the URI, which selects the protection.
  public enum Scheme: Equatable, Sendable {
    /// No scheme.
    case none
    /// Without DTLS.
    case coap
    /// Over DTLS.
    case coaps
  }

  /// The range of the host in the text, without brackets.
  public private(set) var host = 0..<0

  /// The UDP port; 0 if none is given: then the platform's own port for the protection applies,
  /// whatever the scheme.
  public private(set) var port: UInt16 = 0

  /// The scheme, or `none`.
  public private(set) var scheme = Scheme.none

  /// Parses `text`.
  @inline(never)
  public init(_ text: Span<UInt8>) throws(EndpointError) {
    let range = text.trimmed(0..<text.count)
    var (start, end) = (range.lowerBound, range.upperBound)
    let mark = text.index(of: UInt8(ascii: ":"), start, end)
    if end &- mark > 2, text[mark &+ 1] == UInt8(ascii: "/"), text[mark &+ 2] == UInt8(ascii: "/") {
      let known = Span("coaps" as StaticString)
      let count = mark &- start
      if count < 4 || count > 5 { throw .scheme }
      for index in 0..<count where text[start &+ index] | 0x20 != known[index] { throw .scheme }
      scheme = count == 5 ? .coaps : .coap
      start = mark &+ 3
      if start < end, text[end &- 1] == UInt8(ascii: "/") { end &-= 1 }
    }
    // The end of the host, and the start of the port including its colon.
    var stop = text.index(of: UInt8(ascii: ":"), start, end)
    let close = text.index(of: UInt8(ascii: "]"), start, end)
    var error = EndpointError.host
    if close < end {
      if text[start] != UInt8(ascii: "[") { throw .brackets }
      host = start &+ 1..<close
      stop = close &+ 1
      error = .brackets
    } else {
      // A second colon: an address without brackets, and no port.
      if text.index(of: UInt8(ascii: ":"), stop &+ 1, end) < end { stop = end }
      host = start..<stop
      if start < end, text[start] == UInt8(ascii: "[") { throw .brackets }
      // conformance: 7252-6.1-a
      if start == stop { throw .noHost }
    }
    for index in start..<end {
      let byte = text[index]
      if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
        throw .path
      }
    }
    let (first, last) = (host.lowerBound, host.upperBound)
    if !text.isIPv6(first, last), close < end || !text.isHostName(first, last) { throw error }
    if host.count > Self.maxHost { throw .host }
    if stop == end { return }
    if text[stop] != UInt8(ascii: ":") { throw .brackets }
    var value: UInt32 = 0
    while stop &+ 1 < end {
      stop &+= 1
      let digit = UInt32(text[stop] &- 0x30)
      value = value &* 10 &+ digit
      if digit > 9 || value > 65_535 { throw .port }
    }
    if value == 0 { throw .port }
    port = UInt16(truncatingIfNeeded: value)
  }
}

extension EndpointText {
  /// Whether the text is a host alone, as required for a server's name: a name, optionally with a
  /// trailing dot, or an address without brackets.
  @inline(never)
  public static func isHost(_ text: Span<UInt8>) -> Bool {
    let hasDot = text.count > 1 && text[text.count &- 1] == UInt8(ascii: ".")
    let plain = text.extracting(droppingLast: hasDot ? 1 : 0)
    guard let endpoint = try? EndpointText(plain) else { return false }
    return endpoint.host == 0..<plain.count
  }
}

/// Why a text is not an endpoint.
public enum EndpointError: UInt8, Error, Equatable, Sendable {
  /// A scheme other than `coap` and `coaps`.
  case scheme
  /// No host.
  case noHost
  /// A path, a query or a fragment.
  case path
  /// Unbalanced brackets, or no IPv6 address between them.
  case brackets
  /// A host that is neither a name nor an address.
  case host
  /// A port outside 1 to 65535.
  case port
}

extension Span where Element == UInt8 {
  /// The offset of the first such byte; `end` if there is none.
  @inline(never)
  fileprivate func index(of byte: UInt8, _ start: Int, _ end: Int) -> Int {
    var index = start
    while index < end, self[index] != byte { index &+= 1 }
    return index
  }

  /// Whether a part is labels separated by dots, or four numbers.
  @inline(never)
  fileprivate func isHostName(_ start: Int, _ end: Int) -> Bool {
    var isNumber = false
    var isNew = true
    var label = start
    var index = start
    while index < end {
      let byte = self[index]
      index &+= 1
      if byte == UInt8(ascii: ".") {
        if isNew { return false }
        isNew = true
        label = index
        continue
      }
      // RFC 1035 Section 2.3.4.
      if index &- label > 63 { return false }
      let isDigit = byte &- 0x30 < 10
      isNumber = isDigit && (isNew || isNumber)
      isNew = false
      if isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") { continue }
      if (byte | 0x20) &- UInt8(ascii: "a") >= 26 { return false }
    }
    // A host that ends in a number must be an IPv4 address: the resolver reads 5682 as 0.0.22.50.
    return !isNumber || isIPv4(start, end)
  }

  /// Whether a part is four numbers up to 255 separated by dots, without leading zeros, which would
  /// make them octal.
  @inline(never)
  fileprivate func isIPv4(_ start: Int, _ end: Int) -> Bool {
    var dots = 0
    // 256 means that no digit has been read yet.
    var value: UInt32 = 256
    var index = start
    while index < end {
      let byte = self[index]
      index &+= 1
      if byte == UInt8(ascii: "."), value < 256 {
        dots &+= 1
        value = 256
        continue
      }
      let digit = UInt32(byte &- 0x30)
      if digit > 9 || value == 0 { return false }
      value = value == 256 ? digit : value &* 10 &+ digit
      if value > 255 { return false }
    }
    return dots == 3 && value < 256
  }

  /// Whether a part is an IPv6 address (RFC 4291 Section 2.2), optionally with a zone (RFC 4007
  /// Section 11).
  @inline(never)
  fileprivate func isIPv6(_ start: Int, _ limit: Int) -> Bool {
    let colon = UInt8(ascii: ":")
    let end = index(of: UInt8(ascii: "%"), start, limit)
    if end &+ 1 == limit || end &- start < 2 { return false }
    var index = end
    while index < limit {
      if self[index] &- 0x21 > 0x5D { return false }
      index &+= 1
    }
    var groups = 0
    var gaps = 0
    var length = 0
    index = start
    while index < end {
      let byte = self[index]
      if byte == colon {
        if length > 0 { groups &+= 1 } else { gaps &+= 1 }
        length = 0
      } else if byte == UInt8(ascii: ".") {
        // The last 32 bits written as an IPv4 address count as two groups.
        if !isIPv4(index &- length, end) { return false }
        groups &+= 1
        break
      } else {
        if byte &- 0x30 > 9 && (byte | 0x20) &- UInt8(ascii: "a") > 5 { return false }
        length &+= 1
        if length > 4 { return false }
      }
      index &+= 1
    }
    if length > 0 { groups &+= 1 }
    // A colon at either end must be one of two; those at the start count as two gaps.
    var most = 1
    if self[start] == colon {
      if self[start &+ 1] != colon { return false }
      most = 2
    }
    if self[end &- 1] == colon && self[end &- 2] != colon { return false }
    return gaps == 0 ? groups == 8 : gaps == most && groups < 8
  }
}

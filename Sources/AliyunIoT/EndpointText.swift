internal import ConstrainedCore

/// Where a platform is, as a person writes it: `HOST`, `HOST:PORT`, `ADDRESS`, `[ADDRESS]:PORT`, or one of
/// these as a URI of CoAP, `coap://HOST:PORT` or `coaps://HOST:PORT/` (RFC 7252 Section 6).
///
/// A host is a name of letters, digits, `-`, `_` and `.`, an IPv4 address of four numbers or an IPv6 address,
/// with a zone where it has one. White space and a byte order mark at the ends do not count.
public struct EndpointText: Equatable, Sendable {
  /// The longest host, in bytes.
  public static var maxHost: Int { 255 }

  /// What a URI's scheme says of the protection.
  public enum Scheme: Equatable, Sendable {
    /// None is given.
    case none
    /// Without DTLS.
    case coap
    /// Over DTLS.
    case coaps
  }

  /// Where the host stands in the text, without brackets.
  public private(set) var host = 0..<0

  /// The UDP port; 0 where none is given: the platform's own for the protection, whatever the scheme.
  public private(set) var port: UInt16 = 0

  /// The scheme.
  public private(set) var scheme = Scheme.none

  /// Reads `text`.
  @inline(never)
  public init(_ text: Span<UInt8>) throws(EndpointError) {
    var rest = text.trimmed(0..<text.count)
    let mark = text.index(of: UInt8(ascii: ":"), in: rest)
    if mark &+ 2 < rest.upperBound, text[mark &+ 1] == UInt8(ascii: "/"),
      text[mark &+ 2] == UInt8(ascii: "/")
    {
      guard let scheme = Scheme(text.extracting(rest.lowerBound..<mark)) else { throw .scheme }
      self.scheme = scheme
      rest = mark &+ 3..<rest.upperBound
      if !rest.isEmpty, text[rest.upperBound &- 1] == UInt8(ascii: "/") {
        rest = rest.lowerBound..<rest.upperBound &- 1
      }
    }
    if rest.isEmpty { throw .noHost }
    for index in rest {
      switch text[index] {
      case UInt8(ascii: "/"), UInt8(ascii: "?"), UInt8(ascii: "#"): throw .path
      default: continue
      }
    }
    let close = text.index(of: UInt8(ascii: "]"), in: rest)
    let colon = text.index(of: UInt8(ascii: ":"), in: rest)
    var end = rest.upperBound
    if text[rest.lowerBound] == UInt8(ascii: "[") {
      guard close < rest.upperBound else { throw .brackets }
      host = rest.lowerBound &+ 1..<close
      guard text.isIPv6(host) else { throw .brackets }
      end = close &+ 1
    } else {
      if close < rest.upperBound { throw .brackets }
      let next = text.index(of: UInt8(ascii: ":"), in: min(colon &+ 1, end)..<end)
      // More than one colon: an address without brackets, and no port.
      if next == end { end = colon }
      host = rest.lowerBound..<end
      if host.isEmpty { throw .noHost }
      guard text.isHostName(host) || text.isIPv6(host) else { throw .host }
    }
    if host.count > Self.maxHost { throw .host }
    if end < rest.upperBound { port = try text.port(end..<rest.upperBound) }
  }
}

/// Why a text names no endpoint.
public enum EndpointError: UInt8, Error, Equatable, Sendable {
  /// Another scheme than `coap` and `coaps`.
  case scheme
  /// No host.
  case noHost
  /// A path, a query or a fragment.
  case path
  /// Brackets that do not belong together, or no IPv6 address between them.
  case brackets
  /// A host that is neither a name nor an address.
  case host
  /// A port that is not 1 to 65535.
  case port
}

extension EndpointText.Scheme {
  /// The scheme of that name, in capital letters or not.
  fileprivate init?(_ name: Span<UInt8>) {
    let known = Span("coaps" as StaticString)
    guard name.count == 4 || name.count == 5 else { return nil }
    for index in name.indices where name[index] | 0x20 != known[index] { return nil }
    self = name.count == 5 ? .coaps : .coap
  }
}

extension Span where Element == UInt8 {
  /// Where the byte is in a range first; the range's end where it is not.
  @inline(never)
  fileprivate func index(of byte: UInt8, in range: Range<Int>) -> Int {
    var index = range.lowerBound
    while index < range.upperBound, self[index] != byte { index &+= 1 }
    return index
  }

  /// The number behind a colon.
  fileprivate func port(_ range: Range<Int>) throws(EndpointError) -> UInt16 {
    guard self[range.lowerBound] == UInt8(ascii: ":") else { throw .brackets }
    var value: UInt32 = 0
    for index in range.lowerBound &+ 1..<range.upperBound {
      guard self[index] >= 0x30, self[index] <= 0x39 else { throw .port }
      value = value &* 10 &+ UInt32(truncatingIfNeeded: self[index] &- 0x30)
      if value > 65_535 { throw .port }
    }
    if value == 0 { throw .port }
    return UInt16(truncatingIfNeeded: value)
  }

  /// Whether a range is labels with dots between them, or four numbers.
  @inline(never)
  fileprivate func isHostName(_ range: Range<Int>) -> Bool {
    var label = range.lowerBound
    var isNumber = false
    for index in range {
      let byte = self[index]
      let isDigit = byte >= 0x30 && byte <= 0x39
      if byte == UInt8(ascii: ".") {
        if index == label { return false }
        label = index &+ 1
        continue
      }
      if index == label { isNumber = true }
      if !isDigit { isNumber = false }
      let isLetter = byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")
      guard isDigit || isLetter || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") else {
        return false
      }
    }
    // What ends like an address must be one: the resolver takes 5682 for 0.0.22.50.
    return !isNumber || isIPv4(range)
  }

  /// Whether a range is four numbers up to 255 with dots between them.
  @inline(never)
  fileprivate func isIPv4(_ range: Range<Int>) -> Bool {
    var (numbers, digits, value) = (0, 0, 0)
    for index in range.lowerBound...range.upperBound {
      if index == range.upperBound || self[index] == UInt8(ascii: ".") {
        if digits == 0 { return false }
        numbers &+= 1
        (digits, value) = (0, 0)
        continue
      }
      let byte = self[index]
      // A zero in front would make it octal.
      guard byte >= 0x30, byte <= 0x39, digits == 0 || value > 0 else { return false }
      value = value &* 10 &+ Int(byte &- 0x30)
      digits &+= 1
      if value > 255 { return false }
    }
    return numbers == 4
  }

  /// Whether a range is an IPv6 address (RFC 4291 Section 2.2), perhaps with a zone (RFC 4007 Section 11).
  @inline(never)
  fileprivate func isIPv6(_ range: Range<Int>) -> Bool {
    let end = index(of: UInt8(ascii: "%"), in: range)
    if end &+ 1 == range.upperBound { return false }
    for zone in end..<range.upperBound where self[zone] <= 0x20 || self[zone] >= 0x7F {
      return false
    }
    var (groups, start, index) = (0, range.lowerBound, range.lowerBound)
    var hasGap = false
    while index < end {
      let byte = self[index]
      if byte == UInt8(ascii: ":") {
        let isDouble = index &+ 1 < end && self[index &+ 1] == byte
        if index > start {
          groups &+= 1
        } else if !isDouble {
          return false
        }
        if isDouble {
          if hasGap { return false }
          hasGap = true
          index &+= 1
        }
        index &+= 1
        start = index
        if start == end, !isDouble { return false }
        continue
      }
      if byte == UInt8(ascii: ".") {
        guard isIPv4(start..<end) else { return false }
        groups &+= 2
        start = end
        break
      }
      let letter = byte | 0x20
      guard
        byte >= 0x30 && byte <= 0x39 || letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "f"),
        index &- start < 4
      else { return false }
      index &+= 1
    }
    if start < end { groups &+= 1 }
    return hasGap ? groups < 8 : groups == 8
  }
}

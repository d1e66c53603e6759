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
    // Where the host ends and the port begins, with its colon.
    var stop = text.index(of: UInt8(ascii: ":"), start, end)
    let close = text.index(of: UInt8(ascii: "]"), start, end)
    var error = EndpointError.host
    if close < end {
      if text[start] != UInt8(ascii: "[") { throw .brackets }
      host = start &+ 1..<close
      stop = close &+ 1
      error = .brackets
    } else {
      // With another colon it is an address without brackets, and no port.
      if text.index(of: UInt8(ascii: ":"), stop &+ 1, end) < end { stop = end }
      host = start..<stop
      if start < end, text[start] == UInt8(ascii: "[") { throw .brackets }
      if start == stop { throw .noHost }
    }
    for index in start..<end {
      let byte = text[index]
      if byte == UInt8(ascii: "/") || byte == UInt8(ascii: "?") || byte == UInt8(ascii: "#") {
        throw .path
      }
    }
    if !text.isHost(host.lowerBound, host.upperBound, isBracketed: close < end) { throw error }
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

extension Span where Element == UInt8 {
  /// Where the byte is first; `end` where it is not.
  @inline(never)
  fileprivate func index(of byte: UInt8, _ start: Int, _ end: Int) -> Int {
    var index = start
    while index < end, self[index] != byte { index &+= 1 }
    return index
  }

  /// Whether a part is a name of labels with dots between them, four numbers, or an IPv6 address (RFC 4291
  /// Section 2.2), perhaps with a zone (RFC 4007 Section 11); within brackets only the last.
  ///
  /// One walk over all three, for each alone takes as many bytes of a program.
  @inline(never)
  fileprivate func isHost(_ start: Int, _ limit: Int, isBracketed: Bool) -> Bool {
    let colon = UInt8(ascii: ":")
    let end = index(of: UInt8(ascii: "%"), start, limit)
    // Of an address: groups with a colon behind them, and colons without a group before them.
    var (groups, gaps) = (0, 0)
    // Behind the last colon: labels, and those of them that are a byte in decimal digits.
    var (labels, numbers) = (0, 0)
    // Of the label at hand: its length, whether it is hexadecimal, and its decimal number; 256 for one that is
    // too large or begins with a zero, 257 for what is none.
    var (length, isHex) = (0, true)
    var value: UInt32 = 0
    var index = start
    while index < end {
      let byte = self[index]
      index &+= 1
      let digit = UInt32(byte &- 0x30)
      let isEnd = byte == UInt8(ascii: ".") || byte == colon
      if !isEnd {
        let letter = (byte | 0x20) &- UInt8(ascii: "a")
        if digit > 9 {
          if letter > 25, byte != UInt8(ascii: "-"), byte != UInt8(ascii: "_") { return false }
          value = 257
          if letter > 5 { isHex = false }
        } else if value < 256 {
          value = length > 0 && value == 0 ? 256 : Swift.min(256, value &* 10 &+ digit)
        }
        length &+= 1
        if index < end { continue }
      }
      if byte == colon {
        if length > 4 || !isHex || labels > 0 { return false }
        if length > 0 { groups &+= 1 } else { gaps &+= 1 }
      } else {
        if length == 0 { return false }
        labels &+= 1
        if value < 256 { numbers &+= 1 }
        if index == end { break }
      }
      (length, isHex, value) = (0, true, 0)
    }
    let areBytes = labels == 4 && numbers == 4
    if groups &+ gaps == 0 {
      // What ends like an address must be one: the resolver takes 5682 for 0.0.22.50.
      return !isBracketed && end == limit && labels > 0 && (value > 256 || areBytes)
    }
    if end < limit {
      if end &+ 1 == limit { return false }
      for zone in end..<limit where self[zone] &- 0x21 > 0x5D { return false }
    }
    if labels == 1 ? length > 4 || !isHex : labels > 0 && !areBytes { return false }
    groups &+= areBytes ? 2 : labels
    // A colon at either end is one of two; those at the start count as two gaps.
    if self[start] == colon && self[start &+ 1] != colon { return false }
    if labels == 0 && (end &- start < 2 || self[end &- 2] != colon) { return false }
    return gaps == 0 ? groups == 8 : gaps == (self[start] == colon ? 2 : 1) && groups < 8
  }
}

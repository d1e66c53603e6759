// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The scheme of a URI `https://HOST:PORT`, in either case of letters (RFC 3986 Section 3.1).
public struct HTTPSScheme: Equatable, Sendable {
  /// The range of what stands between the scheme and a slash at the end, an `EndpointText` without a scheme.
  public let endpoint: Range<Int>

  /// Reads the scheme of `text`; `nil` where it has none, or another one.
  public init?(_ text: Span<UInt8>) {
    let range = text.trimmed(0..<text.count)
    let scheme = Span("https://" as StaticString)
    guard range.count >= scheme.count else { return nil }
    for index in scheme.indices {
      let byte = text[range.lowerBound + index]
      let isLetter = scheme[index] >= UInt8(ascii: "a")
      guard (isLetter ? byte | 0x20 : byte) == scheme[index] else { return nil }
    }
    var end = range.upperBound
    let start = range.lowerBound + scheme.count
    if end > start, text[end - 1] == UInt8(ascii: "/") { end -= 1 }
    endpoint = start..<end
  }
}

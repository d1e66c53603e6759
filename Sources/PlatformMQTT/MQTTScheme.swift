// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The scheme of a broker's URI, `mqtt://HOST:PORT`, `mqtts://`, `ws://` or `wss://`, in either case of letters.
public struct MQTTScheme: Equatable, Sendable {
  /// The transport that it names.
  public let transport: MQTTTransport
  /// The range of what stands between the scheme and a slash at the end, an `EndpointText` without a scheme.
  public let endpoint: Range<Int>

  /// Reads the scheme of `text`; `nil` where it has none of these.
  @inline(never)
  public init?(_ text: Span<UInt8>) {
    let range = text.trimmed(0..<text.count)
    var mark = range.lowerBound
    while mark < range.upperBound, text[mark] != UInt8(ascii: ":") { mark += 1 }
    guard range.upperBound - mark > 2, text[mark + 1] == UInt8(ascii: "/"),
      text[mark + 2] == UInt8(ascii: "/")
    else { return nil }
    let start = range.lowerBound
    switch mark - start {
    case 2: transport = .webSocket
    case 3: transport = .secureWebSocket
    case 4: transport = .tcp
    case 5: transport = .tls
    default: return nil
    }
    // The others are the beginnings of these two; letters count in either case (RFC 3986 Section 3.1).
    let known = mark - start > 3 ? Span("mqtts" as StaticString) : Span("wss" as StaticString)
    for index in start..<mark where text[index] | 0x20 != known[index - start] { return nil }
    var end = range.upperBound
    if end > mark + 3, text[end - 1] == UInt8(ascii: "/") { end -= 1 }
    endpoint = mark + 3..<end
  }
}

extension MQTTTransport {
  /// Whether the server proves itself.
  public var isSecure: Bool { securityMode == 2 }

  /// Whether packets go through a WebSocket.
  public var isWebSocket: Bool { scheme != nil }
}

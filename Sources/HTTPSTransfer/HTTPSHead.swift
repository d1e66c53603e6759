// SPDX-License-Identifier: Apache-2.0
/// The head of a response (RFC 9112), as far as a transfer needs it.
package struct HTTPSHead: Equatable, Sendable {
  /// The status; 0 before the status line.
  package private(set) var status = 0

  /// The length of the body in bytes; `nil` if the server does not send it.
  package private(set) var contentLength: UInt64?

  /// The range of the file in the body; `nil` if the server does not send it.
  package private(set) var contentRange: ContentRange?

  /// The strong entity tag of the file, including its quotation marks (RFC 9110 Section 8.8.3);
  /// only strong tags allow ranges to be joined.
  package private(set) var entityTag: String?

  /// Whether the body has a content coding, such as compression (RFC 9110 Section 8.4).
  package private(set) var isEncoded = false

  private var retryField: String?
  private var date: String?

  /// The server's Retry-After in seconds; `nil` if there is none.
  package var retryAfter: Int? {
    retryField.flatMap { RetryAfter.seconds($0, serverDate: date) }
  }

  /// The status and what the server says about the body, on one line.
  var summary: String {
    var parts = ["status \(status)"]
    if let part = contentRange?.bytes {
      let whole = contentRange?.total.map { " of \($0)" } ?? ""
      parts.append("bytes \(part.lowerBound) to \(part.upperBound)\(whole)")
    } else if let contentLength {
      parts.append("\(contentLength) bytes")
    }
    if let entityTag { parts.append("entity tag \(entityTag)") }
    if isEncoded { parts.append("encoded") }
    if let retryAfter { parts.append("retry after \(retryAfter) s") }
    return parts.joined(separator: ", ")
  }

  /// Starts with an empty head.
  package init() {}

  /// Processes a line of the head; a status line starts a new head.
  package mutating func take(_ line: String) {
    if line.hasPrefix("HTTP/") {
      self = HTTPSHead()
      let fields = line.split(separator: " ", maxSplits: 2)
      status = fields.count > 1 ? Int(fields[1]) ?? 0 : 0
      return
    }
    guard let colon = line.firstIndex(of: ":") else { return }
    let text = String(line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" })
    let value = text.filter { $0 != " " && $0 != "\t" }
    switch line[..<colon].lowercased() {
    case "content-length": contentLength = UInt64(value)
    case "content-range": contentRange = ContentRange(value)
    case "content-encoding": isEncoded = !value.isEmpty && value.lowercased() != "identity"
    case "etag":
      let isStrong = value.hasPrefix("\"") && value.hasSuffix("\"") && value.utf8.count > 2
      entityTag = isStrong && value.utf8.count <= 256 ? value : nil
    case "retry-after": retryField = text
    case "date": date = text
    default: break
    }
  }
}

/// The field Content-Range (RFC 9110 Section 14.4): `bytes 0-499/1234`, `bytes 0-499/*` or
/// `bytes */1234`.
package struct ContentRange: Equatable, Sendable {
  /// The range, both ends included; `nil` if the request could not be satisfied.
  package let bytes: ClosedRange<UInt64>?

  /// The length of the whole file; `nil` if the server does not send it.
  package let total: UInt64?

  /// Parses the field without surrounding white space; `nil` if it is malformed.
  init?(_ text: String) {
    guard text.lowercased().hasPrefix("bytes") else { return nil }
    let parts = text.dropFirst(5).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    if parts[1] == "*" {
      total = nil
    } else {
      guard let number = UInt64(parts[1]) else { return nil }
      total = number
    }
    if parts[0] == "*" {
      bytes = nil
    } else {
      let ends = parts[0].split(separator: "-", omittingEmptySubsequences: false)
      guard ends.count == 2, let first = UInt64(ends[0]), let last = UInt64(ends[1]), first <= last
      else { return nil }
      bytes = first...last
    }
  }
}

/// What precedes an answer's body (RFC 9112), as far as a transfer needs it.
package struct HTTPSHead: Equatable, Sendable {
  /// The status, 0 before its line has come.
  package private(set) var status = 0

  /// The bytes of the body, if the server says how many.
  package private(set) var contentLength: UInt64?

  /// Which part of the whole the body is, if the server says so.
  package private(set) var contentRange: ContentRange?

  /// What names this state of the file, with its quotation marks: a strong entity tag (RFC 9110 Section
  /// 8.8.3), which alone may join parts.
  package private(set) var entityTag: String?

  /// Whether the body is the file in another coding (RFC 9110 Section 8.4).
  package private(set) var isEncoded = false

  private var retryField: String?
  private var date: String?

  /// How many seconds the server asks not to be asked again, if it does.
  package var retryAfter: Int? {
    retryField.flatMap { RetryAfter.seconds($0, serverDate: date) }
  }

  /// Nothing has come.
  package init() {}

  /// Takes a line of the head; a status line begins a new one.
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
  /// Where the part is, both ends included; `nil` when none can be had.
  package let bytes: ClosedRange<UInt64>?

  /// How long the whole is, if the server says so.
  package let total: UInt64?

  /// Reads the field without its white space; `nil` when it is none.
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

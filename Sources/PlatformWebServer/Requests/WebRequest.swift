// SPDX-License-Identifier: Apache-2.0
/// A request over HTTPS, as far as the platform looks at it.
package struct WebRequest: Sendable {
  /// The method's name.
  package var method: String
  /// The request target (RFC 9112 Section 3.2).
  package var target: String
  /// The header's fields in order.
  package var fields: [(name: String, value: String)] = []
  /// The body; what has come of it if `isTooLong`.
  package var body: [UInt8] = []
  /// Whether the body exceeds the limit of `WebFront.bodyLimit(of:)`.
  package var isTooLong = false
  /// Where the device is.
  package var peer = ""

  package init(_ method: String, _ target: String) {
    self.method = method
    self.target = target
  }

  /// The values of a field.
  func values(_ name: String) -> [String] {
    fields.filter { $0.name.lowercased() == name }.map(\.value)
  }

  /// The path, without the authority that RFC 9112 Section 3.2.2 allows before it; and whether a query follows.
  var path: (text: Substring, hasQuery: Bool) {
    var rest = target[...]
    let scheme = "https://"
    if rest.prefix(scheme.count).lowercased() == scheme {
      rest = rest.dropFirst(scheme.count).drop { $0 != "/" }
    }
    let path = rest.prefix { $0 != "?" && $0 != "#" }
    return (path, path.endIndex != rest.endIndex)
  }

  /// The media type of Content-Type in lower case, without parameters; `nil` if there is none, or more than one.
  var mediaType: String? {
    let values = values("content-type")
    guard values.count == 1 else { return nil }
    let type = values[0].prefix { $0 != ";" }
    return type.filter { $0 != " " && $0 != "\t" }.lowercased()
  }
}

/// What the platform answers.
package struct WebAnswer: Sendable {
  /// The body.
  package enum Body: Sendable {
    /// These bytes.
    case bytes([UInt8])
    /// A part of an open file, whose descriptor the receiver of the answer closes.
    case file(OpenFile, offset: Int64, count: Int64)
  }

  /// The status code.
  package var status: Int
  /// The header's fields beside Date, Content-Length and Connection.
  package var fields: [(name: String, value: String)] = []
  /// The body, which is not sent in answer to HEAD.
  package var body = Body.bytes([])

  init(_ status: Int) { self.status = status }

  /// The length of the body.
  package var count: Int64 {
    switch body {
    case .bytes(let bytes): Int64(bytes.count)
    case .file(_, _, let count): count
    }
  }

  /// The value of a field.
  package func value(_ name: String) -> String? {
    fields.first { $0.name.lowercased() == name.lowercased() }?.value
  }
}

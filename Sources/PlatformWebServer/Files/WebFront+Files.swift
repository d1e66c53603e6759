// SPDX-License-Identifier: Apache-2.0
/// `GET` and `HEAD` of a file on offer (RFC 9110).
extension WebFront {
  func download(
    _ request: WebRequest,
    _ path: String,
    _ record: inout WebRecord
  ) -> WebAnswer {
    let isHead = request.method == "HEAD"
    guard isHead || request.method == "GET" else {
      record.note = "only GET and HEAD are served here"
      var answer = WebAnswer(405)
      answer.fields = [("Allow", "GET, HEAD")]
      return answer
    }
    guard let file = OpenFile(path) else {
      record.note = "the file \(path) cannot be read: is it a regular one?"
      return WebAnswer(500)
    }
    let tag = "\"\(file.tag)\""
    var answer = WebAnswer(200)
    answer.fields = [("ETag", tag), ("Accept-Ranges", "bytes")]
    // RFC 9110 Section 13.2.2: If-Match, then If-None-Match, then If-Range.
    let match = request.values("if-match")
    if !match.isEmpty, !Self.names(match, tag, isWeak: false) {
      answer.status = 412
      return answer
    }
    let noneMatch = request.values("if-none-match")
    if !noneMatch.isEmpty, Self.names(noneMatch, tag, isWeak: true) {
      answer.status = 304
      return answer
    }
    answer.fields.append(("Content-Type", "application/octet-stream"))
    // RFC 9110 Section 14.2: Range is defined for GET alone.
    var range = isHead ? ByteRange.whole : ByteRange(request.values("range"), size: file.size)
    let condition = request.values("if-range")
    // Section 13.1.5: a date never matches, because no Last-Modified is sent.
    if !condition.isEmpty, condition != [tag] { range = .whole }
    switch range {
    case .whole: answer.body = .file(file, offset: 0, count: file.size)
    case .part(let offset, let count):
      answer.status = 206
      let place = "bytes \(offset)-\(offset + count - 1)/\(file.size)"
      answer.fields.append(("Content-Range", place))
      answer.body = .file(file, offset: offset, count: count)
      record.note = place
    case .unsatisfiable:
      answer.status = 416
      answer.fields.append(("Content-Range", "bytes */\(file.size)"))
      record.note = "no such bytes, the file has \(file.size)"
    }
    return answer
  }

  /// Whether a list of entity tags has this one (RFC 9110 Section 8.8.3).
  private static func names(_ values: [String], _ tag: String, isWeak: Bool) -> Bool {
    values.flatMap { $0.split(separator: ",") }.contains { part in
      var text = part.drop { $0 == " " || $0 == "\t" }
      while let last = text.last, last == " " || last == "\t" { text.removeLast() }
      if text == "*" { return true }
      if isWeak, text.hasPrefix("W/") { text.removeFirst(2) }
      return text == tag
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import PayloadValues
package import PlatformCore

/// The platform's side of HTTPS without I/O: the core's front for requests of devices (device guide 3.2, 3.8, 6.2).
///
/// Ask `bodyLimit(of:)` once a request's head is there, then `handle` with the whole request, or with one whose body
/// is too long. It answers each request with exactly one answer and one record.
package final class WebFront {
  let core: PlatformCore
  let configuration: PlatformConfiguration
  let assumptions: WebAssumptions
  /// Where MQTT clients are sent that have authenticated; `nil` for nowhere.
  package var mqtt: WebAddress?
  private let files: [String: String]

  /// The front of a core.
  package init(_ core: PlatformCore, _ settings: WebSettings) {
    self.core = core
    configuration = core.configuration
    assumptions = settings.assumptions
    files = Dictionary(settings.files.map { ($0.path, $0.file) }) { $1 }
  }

  /// The bytes that the body of a request for this target may have: 131,072 in a report (device guide 3.8).
  ///
  /// Unverified: 16,384 elsewhere.
  package static func bodyLimit(of request: WebRequest) -> Int {
    request.path.text.hasPrefix("/topic/") ? 131_072 : 16_384
  }

  /// Answers a request that came at `now`, when the calendar said `date`, in milliseconds since 1970.
  package func handle(
    _ request: WebRequest,
    at now: Instant,
    date: UInt64
  ) -> (answer: WebAnswer, record: WebRecord) {
    core.applyConsole()
    let (path, hasQuery) = request.path
    var record = WebRecord(.other, at: now)
    record.peer = request.peer
    record.method = request.method
    record.path = String(path)
    record.notes.leniencies = LeniencyUse(configuration)
    var answer: WebAnswer
    switch path {
    case "/auth":
      record.kind = .authentication
      answer = serve(request, hasQuery, "application/json", &record) {
        (record) throws(WebRefusal) in
        try authenticate(request, at: now, date: date, &record)
      }
    case "/auth/devicename":
      record.kind = .connection
      answer = serve(request, hasQuery, Self.form, &record) { (record) throws(WebRefusal) in
        try authenticateConnection(request, at: now, &record)
      }
    case "/auth/register/device":
      record.kind = .registration
      answer = serve(request, hasQuery, Self.form, &record) { (record) throws(WebRefusal) in
        try register(request, &record)
      }
    case _ where path.hasPrefix("/topic/"):
      record.kind = .report
      answer = serve(request, hasQuery, "application/octet-stream", &record) {
        (record) throws(WebRefusal) in
        try report(request, path.dropFirst("/topic/".count), at: now, &record)
      }
    case _ where files[String(path)] != nil && !hasQuery:
      record.kind = .file
      answer = download(request, files[String(path)] ?? "", &record)
    default:
      answer = WebAnswer(404)
      record.note =
        "only /auth, /topic, /auth/devicename, /auth/register/device and the files on offer exist"
    }
    record.status = answer.status
    if case .bytes = answer.body, answer.count > 0, answer.value("Content-Type") == nil {
      answer.fields.append(("Content-Type", "application/json;charset=utf-8"))
    }
    return (answer, record)
  }

  /// What every POST has in common: failures of the console, the method, no query, the media type.
  private func serve(
    _ request: WebRequest,
    _ hasQuery: Bool,
    _ mediaType: String,
    _ record: inout WebRecord,
    _ body: (inout WebRecord) throws(WebRefusal) -> WebAnswer
  ) -> WebAnswer {
    guard request.method == "POST" else {
      record.note = "only POST is served here"
      var answer = WebAnswer(405)
      answer.fields = [("Allow", "POST")]
      return answer
    }
    if let failure = failure(request, &record) { return failure }
    do throws(WebRefusal) {
      guard !hasQuery else { throw refusal(.malformed, "a query", record.kind) }
      guard request.mediaType == mediaType else {
        throw refusal(.malformed, "Content-Type is not \(mediaType)", record.kind)
      }
      guard !request.isTooLong else {
        throw refusal(
          .longPayload,
          "the body has over \(Self.bodyLimit(of: request)) bytes",
          record.kind
        )
      }
      let answer = try body(&record)
      record.code = record.kind.isOfReports ? 0 : 200
      return answer
    } catch {
      record.note = error.note
      return answer(error.code, &record)
    }
  }

  /// Whom a request for a token or a registration names, true or not, where a fault depends on that.
  private func claimedDevice(_ request: WebRequest) -> String? {
    guard core.asksForDevices else { return nil }
    let body = PayloadValue(request.body, .json)
    let form = body == nil ? PercentCoding.form(request.body) : nil
    guard let product = body?["productKey"]?.string ?? form?["productKey"],
      let name = body?["deviceName"]?.string ?? form?["deviceName"]
    else { return nil }
    return "\(product)/\(name)"
  }

  /// The answer of a failing platform; `nil` if it works.
  private func failure(_ request: WebRequest, _ record: inout WebRecord) -> WebAnswer? {
    let kind: RequestKind =
      switch record.kind {
      case .report: .report
      case .registration: .registration
      default: .authentication
      }
    let token = request.values("password").first.map { Array($0.utf8) }
    guard
      let failure = core.nextFailure(
        kind,
        token: token,
        takesCodes: true,
        device: record.kind == .report ? nil : claimedDevice(request),
        topic: record.kind == .report
          ? String(request.path.text.dropFirst("/topic".count)) : nil,
        at: record.time,
        &record.notes
      )
    else { return nil }
    var answer: WebAnswer
    if failure.status >= 1_000 {
      answer = self.answer(failure.status, &record)
    } else {
      // Unverified: which code goes with a status.
      let isBusy = failure.status == 429
      answer = self.answer(
        record.kind.isOfReports ? (isBusy ? 40_000 : 10_000) : (isBusy ? 429 : 500),
        &record
      )
      answer.status = failure.status
    }
    if let seconds = failure.retryAfter { answer.fields.append(("Retry-After", "\(seconds)")) }
    return answer
  }

  /// A refusal in the words of the guide's tables.
  private func answer(_ code: Int, _ record: inout WebRecord) -> WebAnswer {
    record.code = code
    var answer = WebAnswer(assumptions.hasOwnStatus ? WebRefusal.status(of: code) : 200)
    let value: PayloadValue = [
      "code": .integer(Int64(code)), "message": .text(WebRefusal.message(of: code)),
    ]
    answer.body = .bytes(value.encoded(.json))
    return answer
  }

  static let form = "application/x-www-form-urlencoded"
}

extension WebRecord.Kind {
  /// Whether the codes are those of reports over HTTPS (device guide 3.8), where 0 is success, and not those of
  /// `/auth/devicename` and of registration (3.2, 6.2), where 200 is.
  var isOfReports: Bool { self == .authentication || self == .report }
}

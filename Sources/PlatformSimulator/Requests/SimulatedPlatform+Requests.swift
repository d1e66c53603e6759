internal import CoAPMessage
internal import ConstrainedCore
internal import PlatformCore

/// Dispatches each request and builds its response.
extension SimulatedPlatform {
  func respond(
    to message: borrowing MessageView,
    at now: Instant,
    record: inout RequestRecord
  ) -> PlatformResponse {
    record.requestMethod = message.code
    record.path = RequestOptions.path(of: message)
    core.applyConsole()
    record.notes.leniencies = LeniencyUse(configuration.platform)
    var read: RequestOptions?
    do throws(CoAPRefusal) {
      var options = try RequestOptions(
        message,
        tokenOption: configuration.tokenOption,
        takesQuery: configuration.assumptions.takesQuery
      )
      read = options
      try options.settleToken(tokenOption: configuration.tokenOption, &record.notes.leniencies)
      record.isCBOR = options.contentFormat == 60
      switch options.segments {
      case ["auth"]:
        record.kind = .authentication
        if let failure = fail(.authentication, options, record: &record) { return failure }
        return try authenticate(message, options, at: now, record: &record)
      case ["auth", "register", "device"] where configuration.protection == .dtls:
        record.kind = .registration
        if let failure = fail(.registration, options, record: &record) { return failure }
        return try register(message, options, record: &record)
      case ["pull"]:
        record.kind = .pull
        if let failure = fail(.pull, options, record: &record) { return failure }
        return try pull(message, options, at: now, record: &record)
      case _ where options.segments.first == "topic" && options.segments.count > 1:
        record.kind = .report
        if let failure = fail(.report, options, record: &record) { return failure }
        return try report(message, options, at: now, record: &record)
      default:
        throw CoAPRefusal(
          code: .notFound,
          note: "only /auth, /topic and /pull exist, and /auth/register/device over DTLS"
        )
      }
    } catch {
      record.note = error.note
      return response(to: error, of: record.kind, read)
    }
  }

  /// The response of a failing platform; `nil` if it works.
  private func fail(
    _ kind: RequestKind,
    _ options: RequestOptions,
    record: inout RequestRecord
  ) -> PlatformResponse? {
    guard let failure = core.nextFailure(kind, token: options.token, &record.notes) else {
      return nil
    }
    var response = PlatformResponse(code: failure.code)
    response.maxAge = failure.retryAfter
    return response
  }

  static func bytes(of span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
  }
}

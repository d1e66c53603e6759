// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore
internal import PlatformFaults

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
        if let failure = fail(.authentication, message, options, at: now, record: &record) {
          return failure
        }
        return try authenticate(message, options, at: now, record: &record)
      case ["auth", "register", "device"] where configuration.protection == .dtls:
        record.kind = .registration
        if let failure = fail(.registration, message, options, at: now, record: &record) {
          return failure
        }
        return try register(message, options, record: &record)
      case ["pull"]:
        record.kind = .pull
        if let failure = fail(.pull, message, options, at: now, record: &record) { return failure }
        return try pull(message, options, at: now, record: &record)
      case _ where options.segments.first == "topic" && options.segments.count > 1:
        record.kind = .report
        if let failure = fail(.report, message, options, at: now, record: &record) {
          return failure
        }
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
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) -> PlatformResponse? {
    let failure = core.nextFailure(
      kind,
      token: options.token,
      device: core.asksForDevices && (kind == .authentication || kind == .registration)
        ? claimedDevice(message, options) : nil,
      topic: kind == .report
        ? "/" + options.segments.dropFirst().joined(separator: "/") : nil,
      at: now,
      &record.notes
    )
    guard let failure else { return nil }
    var response = PlatformResponse(code: failure.code)
    response.maxAge = failure.retryAfter
    return response
  }

  /// The device that a request is of, by its token or else by the names in it, true or not.
  ///
  /// Empty for a token that is nobody's; `nil` for a request that says nothing of that.
  func device(of message: borrowing MessageView) -> String? {
    var leniencies = LeniencyUse(configuration.platform)
    do throws(CoAPRefusal) {
      var options = try RequestOptions(
        message,
        tokenOption: configuration.tokenOption,
        takesQuery: configuration.assumptions.takesQuery
      )
      try options.settleToken(tokenOption: configuration.tokenOption, &leniencies)
      guard let token = options.token else { return claimedDevice(message, options) }
      return core.session(withToken: token)?.device.path ?? ""
    } catch {
      return nil
    }
  }

  /// The same of a request as it came.
  func device(of request: [UInt8]) -> String? {
    do throws(MessageFormatError) {
      return device(of: try MessageView(request.span))
    } catch {
      return nil
    }
  }

  /// Whose credentials `/auth` has, or whom a registration names, true or not.
  private func claimedDevice(
    _ message: borrowing MessageView,
    _ options: RequestOptions
  ) -> String? {
    let format: PayloadValue.Format = options.contentFormat == 60 ? .cbor : .json
    let form = PayloadValue(Self.bytes(of: message.payload), format)
    guard let product = form?["productKey"]?.string, let name = form?["deviceName"]?.string else {
      return nil
    }
    return "\(product)/\(name)"
  }

  static func bytes(of span: Span<UInt8>) -> [UInt8] {
    span.indices.map { span[$0] }
  }
}

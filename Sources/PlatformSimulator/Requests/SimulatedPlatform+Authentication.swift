// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PayloadValues
internal import PlatformCore

/// `POST /auth` (device guide 3.6).
extension SimulatedPlatform {
  func authenticate(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    at now: Instant,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: true, &record.notes.leniencies)
    let payload = Self.bytes(of: message.payload)
    try ask { () throws(Refusal) in try core.checkSize(payload) }
    let format = try options.payloadFormat(isOpaque: false)
    guard format == .json || configuration.assumptions.takesCBORAuthentication else {
      throw CoAPRefusal(code: .unsupportedContentFormat, note: "/auth is not taken in CBOR")
    }
    let form = try ask { () throws(Refusal) in
      try SubmittedCredentials(
        payload: payload,
        format,
        core.assumptions,
        &record.notes.leniencies
      )
    }
    try checkSequence(of: form)
    let grant = try ask { () throws(Refusal) in
      try core.authenticate(form, at: now, &record.notes)
    }
    do throws(OpenSSLError) {
      _ = try CoAPSession(
        new: grant.session,
        answersSeparately: grant.answersSeparately ?? (configuration.answerMode == .separate),
        protection: configuration.protection
      )
    } catch {
      throw CoAPRefusal(code: .internalServerError, note: "OpenSSL failed: \(error)")
    }
    return answer(grant.session, options, format)
  }

  /// Refuses the field `seq` in a mode that does not have it, and its absence in a mode that does.
  ///
  /// Device guide 3.6: the fields of the DTLS mode are those of the symmetric mode without `seq`;
  /// the symmetric mode has it in its example, but not in its table. Unverified (`seq-dtls` and
  /// `missing-seq` of `Assumption`): the response to the wrong one.
  private func checkSequence(of form: SubmittedCredentials) throws(CoAPRefusal) {
    let assumptions = configuration.assumptions
    switch configuration.protection {
    case .dtls:
      if form.hasSequence, let code = assumptions.sequenceOverDTLS {
        throw CoAPRefusal(code: code, note: "the field seq belongs to the symmetric mode")
      }
    case .symmetric:
      if !form.hasSequence, let code = assumptions.missingSequence {
        throw CoAPRefusal(code: code, note: "the field seq is missing")
      }
    }
  }

  /// The session's details for the device.
  private func answer(
    _ session: PlatformSession,
    _ options: RequestOptions,
    _ format: PayloadValue.Format
  ) -> PlatformResponse {
    let token = String(decoding: session.token, as: UTF8.self)
    var answer: PayloadValue = ["token": .text(token)]
    if configuration.protection == .symmetric {
      answer = [
        "random": .text(String(decoding: session.random, as: UTF8.self)),
        "seqOffset": PayloadValue(session.sequenceOffset), "token": .text(token),
      ]
    }
    // Accept determines the format, or else the request's; the guide's example has no
    // Content-Format.
    let answerFormat = options.answerFormat(format)
    var response = PlatformResponse(code: .content, payload: answer.encoded(answerFormat))
    if answerFormat == .cbor || configuration.assumptions.namesAuthenticationFormat {
      response.contentFormat = answerFormat
    }
    return response
  }
}

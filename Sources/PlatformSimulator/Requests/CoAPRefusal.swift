// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import PlatformCore

/// Why a request is refused, with its CoAP code.
struct CoAPRefusal: Error {
  let code: Code
  let note: String
  /// Whether it refuses a critical option: a non-confirmable request is then not answered.
  var isAboutOption = false
  /// Whether the note names the setting that would accept the request.
  var namesSetting = false

  init(code: Code, note: String, namesSetting: Bool = false) {
    self.code = code
    self.note = note
    self.namesSetting = namesSetting
  }

  /// Creates the CoAP form of a refusal by the core.
  init(_ refusal: Refusal, _ assumptions: SimulatorAssumptions) {
    code = assumptions.code(for: refusal.reason)
    note = refusal.note
    namesSetting = refusal.namesSetting
  }

  /// Refuses a critical option that is unknown, or treated as such (RFC 7252 Section 5.4.1).
  static func option(_ note: String, namesSetting: Bool = false) -> CoAPRefusal {
    var refusal = CoAPRefusal(code: .badOption, note: note, namesSetting: namesSetting)
    refusal.isAboutOption = true
    return refusal
  }
}

extension SimulatorAssumptions {
  /// The code of a refusal.
  func code(for reason: Refusal.Reason) -> Code {
    switch reason {
    case .malformed: .badRequest
    case .unknownMember: unknownMemberCode
    case .unknownDevice: unknownDevice
    case .badSign: badSign
    case .disabledDevice: disabledDevice
    case .registrationRefused: registrationRefused
    case .registrationBadSign: registrationSign
    case .unknownToken: unknownToken
    case .foreignTopic: foreignTopic
    case .unknownTopic: unknownTopic
    case .subscribeOnlyTopic: subscribeTopic
    case .longTopic: longTopic
    case .longPayload: longPayload
    case .brokenPayload: brokenPayloadCode
    case .usedSequence: usedSequence
    }
  }
}

extension SimulatedPlatform {
  /// Asks the core, and translates its refusals into CoAP codes.
  func ask<Result>(
    _ question: () throws(Refusal) -> Result
  ) throws(CoAPRefusal) -> Result {
    do throws(Refusal) {
      return try question()
    } catch {
      throw CoAPRefusal(error, configuration.assumptions)
    }
  }

  /// The response to a refused request.
  ///
  /// The guide's errors have no payload (3.6). A refusal that a setting would have turned into an
  /// answer carries its reason as a diagnostic payload (RFC 7252 Section 5.5.2) if the device can
  /// read it: in plaintext over DTLS and in the answer to `/auth`, otherwise encrypted with the
  /// session's key.
  func response(
    to refusal: CoAPRefusal,
    of kind: RequestRecord.Kind,
    _ options: RequestOptions?
  ) -> PlatformResponse {
    var response = PlatformResponse(code: refusal.code)
    response.isAboutOption = refusal.isAboutOption
    guard refusal.namesSetting else { return response }
    let text = Array(refusal.note.utf8)
    if configuration.protection == .dtls || kind == .authentication {
      response.payload = text
    } else if let token = options?.token ?? options?.otherToken,
      let session = core.session(withToken: token)
    {
      response.payload = CoAPSession(session)?.state.encrypt(text) ?? []
    }
    return response
  }
}

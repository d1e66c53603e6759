internal import CoAPMessage

extension SimulatedPlatform {
  /// The answer to a request that is refused.
  ///
  /// The guide's errors have no payload (3.6). One that a setting would have turned into an answer has its
  /// reason in it, a diagnostic payload (RFC 7252 Section 5.5.2), where the device can read that: as it is over
  /// DTLS and in the answer to `/auth`, else with the session's key.
  func response(
    to refusal: Refusal,
    of kind: RequestRecord.Kind,
    _ options: RequestOptions?
  ) -> PlatformResponse {
    var response = PlatformResponse(code: refusal.code)
    response.isAboutOption = refusal.isAboutOption
    guard refusal.namesSetting else { return response }
    let text = Array(refusal.note.utf8)
    if configuration.protection == .dtls || kind == .authentication {
      response.payload = text
    } else if let token = options?.token ?? options?.otherToken, let session = sessions[token] {
      response.payload = session.encrypt(text) ?? []
    }
    return response
  }
}

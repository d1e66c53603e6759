// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import PayloadValues
internal import PlatformCore

/// `POST /auth/register/device`, with which a device obtains its secret (protocol facts 2.1, the
/// platform's C SDK v4; device guide 6.2 describes the same over HTTPS).
extension SimulatedPlatform {
  /// Unverified (`registration-answer`, `registration-refused` and `registration-sign` of
  /// `Assumption`): the answer's format, taken from HTTPS, and the codes: 4.03 for a product
  /// without registration, a device not in its register and an active one, 4.01 for a wrong
  /// signature.
  func register(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    record: inout RequestRecord
  ) throws(CoAPRefusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: false, &record.notes.leniencies)
    guard [nil, 50].contains(options.contentFormat) else {
      throw CoAPRefusal(code: .unsupportedContentFormat, note: "Content-Format is not 50")
    }
    guard options.block == nil else {
      throw .option("the answer has no blocks")
    }
    let payload = Self.bytes(of: message.payload)
    try ask { () throws(Refusal) in try core.checkSize(payload) }
    guard let request = PayloadValue(payload, .json), request.members != nil else {
      throw CoAPRefusal(code: .badRequest, note: "the payload is no JSON object")
    }
    let device = try ask { () throws(Refusal) in try core.register(request, &record.notes) }
    let data: PayloadValue = [
      "productKey": .text(device.productKey), "deviceName": .text(device.deviceName),
      "deviceSecret": .text(String(decoding: device.secret, as: UTF8.self)),
    ]
    let answer: PayloadValue =
      configuration.assumptions.flattensRegistration
      ? data : ["code": 200, "data": data, "message": "success"]
    var response = PlatformResponse(code: .content, payload: answer.encoded(.json))
    response.contentFormat = .json
    return response
  }
}

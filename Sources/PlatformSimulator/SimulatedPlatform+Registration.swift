internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport

/// `POST /auth/register/device`, by which a device gets its secret (protocol facts 2.1, the platform's
/// C SDK v4; device guide 6.2 has the same over HTTPS).
extension SimulatedPlatform {
  /// A new secret each time, until the device has authenticated with one.
  ///
  /// Unverified (`registration-answer`, `registration-refused` and `registration-sign` of `Assumption`): the
  /// answer's form, which is that of HTTPS, and the codes: 4.03 for a product without
  /// registration, a device that is not in its register and one that is active, 4.01 for a bad sign.
  mutating func register(
    _ message: borrowing MessageView,
    _ options: RequestOptions,
    record: inout RequestRecord
  ) throws(Refusal) -> PlatformResponse {
    try options.check(message, needsContentFormat: false, &record.leniencies)
    guard [nil, 50].contains(options.contentFormat) else {
      throw Refusal(code: .unsupportedContentFormat, note: "Content-Format is not 50")
    }
    guard options.block == nil else {
      throw .option("the answer has no blocks")
    }
    let payload = Self.bytes(of: message.payload)
    try checkSize(payload)
    guard let request = PlatformValue(payload, .json), request.members != nil else {
      throw Refusal(code: .badRequest, note: "the payload is no JSON object")
    }
    let productKey = try Self.text("productKey", of: request)
    let deviceName = try Self.text("deviceName", of: request)
    let challenge = try Self.text("random", of: request)
    let sign = try Self.text("sign", of: request)
    let method = (request["signmethod"] ?? request["signMethod"])?.string?.lowercased()
    guard let hash = Signature.hash(named: method ?? "") else {
      throw Refusal(code: .badRequest, note: "unknown signmethod")
    }
    let refused = configuration.assumptions.registrationRefused
    guard let product = things.products[productKey], let secret = product.secret else {
      throw Refusal(code: refused, note: "the product does not register devices")
    }
    let fields = ["productKey": productKey, "deviceName": deviceName, "random": challenge]
    guard Signature.isValid(sign, of: fields, hash, secret) else {
      throw Refusal(
        code: configuration.assumptions.registrationSign,
        note: "the sign does not fit the product secret"
      )
    }
    let path = "\(productKey)/\(deviceName)"
    guard product.registrable.contains(deviceName) else {
      throw Refusal(code: refused, note: "the product has no device of that name to register")
    }
    record.device = path
    try checkEnabled(path)
    guard registered[path] != true, devices[path] == nil || registered[path] != nil else {
      throw Refusal(code: refused, note: "the device is active, its secret stays")
    }
    let made = SimulatedThings.makeSecret(&random)
    devices[path] = SimulatedDevice(productKey: productKey, deviceName: deviceName, secret: made)
    registered[path] = false
    let data: PlatformValue = [
      "productKey": .text(productKey), "deviceName": .text(deviceName),
      "deviceSecret": .text(String(decoding: made, as: UTF8.self)),
    ]
    let answer: PlatformValue =
      configuration.assumptions.flattensRegistration
      ? data : ["code": 200, "data": data, "message": "success"]
    var response = PlatformResponse(code: .content, payload: answer.encoded(.json))
    response.contentFormat = .json
    return response
  }

  private static func text(
    _ name: String,
    of request: PlatformValue
  ) throws(Refusal) -> String {
    guard let text = request[name]?.string, !text.isEmpty else {
      throw Refusal(code: .badRequest, note: "the field \(name) is missing")
    }
    return text
  }
}

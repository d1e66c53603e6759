internal import CoAPMessage
internal import ConstrainedCore
internal import Foundation
internal import OpenSSLSupport

/// What a valid `/auth` asked for.
struct AuthenticationFields {
  let device: SimulatedDevice
  let answersSeparately: Bool?
}

/// Why an `/auth` was refused.
struct Refusal: Error {
  let code: Code
  let note: String
}

/// Checks the payload of `POST /auth` by the device guide's section 3.6.
struct AuthenticationCheck {
  private static let known: Set<String> = [
    "productKey", "deviceName", "ackMode", "sign", "signmethod", "clientId", "timestamp", "seq",
    "version", "resources",
  ]

  private let fields: [String: String]

  init(payload: [UInt8]) throws(Refusal) {
    guard let object = try? JSONSerialization.jsonObject(with: Data(payload)),
      let members = object as? [String: Any]
    else { throw Refusal(code: .badRequest, note: "the payload is not one JSON object") }
    var fields: [String: String] = [:]
    for (name, value) in members {
      guard Self.known.contains(name) else {
        throw Refusal(code: .badRequest, note: "unknown field \(name)")
      }
      guard let text = value as? String else {
        throw Refusal(code: .badRequest, note: "the field \(name) is not a string")
      }
      fields[name] = text
    }
    self.fields = fields
  }

  func run(devices: [String: SimulatedDevice]) throws(Refusal) -> AuthenticationFields {
    let productKey = try required("productKey")
    let deviceName = try required("deviceName")
    let clientID = try required("clientId")
    let signature = try required("sign")
    guard clientID.utf8.count <= 64 else {
      throw Refusal(code: .badRequest, note: "the clientId has over 64 bytes")
    }
    for name in ["seq", "timestamp"] {
      guard fields[name]?.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) ?? true else {
        throw Refusal(code: .badRequest, note: "the field \(name) is not a decimal number")
      }
    }
    let answersSeparately = try separateAnswers()
    let hash = try hashFunction()
    // Unverified: 4.03 for an unknown device and 4.01 for a bad sign are what the codes' names say.
    guard let device = devices["\(productKey)/\(deviceName)"] else {
      throw Refusal(code: .forbidden, note: "unknown device")
    }
    guard isSigned(signature, by: hash, for: device) else {
      throw Refusal(code: .unauthorized, note: "the sign does not fit the device secret")
    }
    return AuthenticationFields(device: device, answersSeparately: answersSeparately)
  }

  private func required(_ name: String) throws(Refusal) -> String {
    guard let value = fields[name], !value.isEmpty else {
      throw Refusal(code: .badRequest, note: "the field \(name) is missing")
    }
    return value
  }

  private func separateAnswers() throws(Refusal) -> Bool? {
    switch fields["ackMode"] {
    case nil: return nil
    case "0": return false
    case "1": return true
    default: throw Refusal(code: .badRequest, note: "the field ackMode is neither 0 nor 1")
    }
  }

  private func hashFunction() throws(Refusal) -> Hash {
    switch fields["signmethod"] {
    case nil, "hmacmd5": return .md5
    case "hmacsha1": return .sha1
    case "hmacsha256": return .sha256
    default: throw Refusal(code: .badRequest, note: "unknown signmethod")
    }
  }

  /// The guide's rule over whatever was submitted: all fields but four, sorted by name.
  private func isSigned(_ signature: String, by hash: Hash, for device: SimulatedDevice) -> Bool {
    let unsigned: Set<String> = ["version", "sign", "resources", "signmethod"]
    let content = fields.filter { !unsigned.contains($0.key) }
      .sorted { $0.key < $1.key }.map { $0.key + $0.value }.joined()
    guard let expected = try? hash.hmac(key: device.secret.span, content: Array(content.utf8).span)
    else { return false }
    var digits = ""
    for index in 0..<expected.count {
      let byte = expected.bytes[index]
      digits += (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }
    return constantTimeEqual(Array(digits.utf8).span, Array(signature.lowercased().utf8).span)
  }
}

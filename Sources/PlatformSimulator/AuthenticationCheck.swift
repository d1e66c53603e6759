internal import CBORPayload
internal import CoAPMessage
internal import ConstrainedCore
internal import OpenSSLSupport
internal import PayloadCoding

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

/// Checks the payload of `POST /auth` by the device guide's section 3.6, in JSON or CBOR.
struct AuthenticationCheck {
  private static let known: Set<String> = [
    "productKey", "deviceName", "ackMode", "sign", "signmethod", "clientId", "timestamp", "seq",
    "version", "resources",
  ]

  private let fields: [String: String?]

  init(
    payload: [UInt8],
    _ format: PlatformValue.Format,
    _ assumptions: SimulatorAssumptions
  ) throws(Refusal) {
    switch format {
    case .json:
      do throws(JSONError) {
        fields = try Self.members(JSONReader(payload.span), of: payload.count)
      } catch {
        throw Refusal(code: .badRequest, note: "the payload is not JSON: \(error)")
      }
    case .cbor:
      do throws(CBORError) {
        fields = try Self.members(CBORReader(payload.span), of: payload.count)
      } catch {
        throw Refusal(code: .badRequest, note: "the payload is not CBOR: \(error)")
      }
    }
    for (name, value) in fields {
      // Unverified (`unknown-member` of `Assumption`): 4.00 for a member that the guide does not know.
      if !Self.known.contains(name), let code = assumptions.unknownMember {
        let shown = RequestRecord.printable(Array(name.utf8.prefix(64)))
        throw Refusal(code: code, note: "unknown field \(shown)")
      }
      guard value != nil else {
        throw Refusal(
          code: .badRequest,
          note: "the field \(name) is not a string, or comes twice"
        )
      }
    }
  }

  /// Whether the field of the symmetric mode is there.
  var hasSequence: Bool { fields["seq"] != nil }

  /// The members of one object.
  ///
  /// `nil` for a value that is no string or a name that comes again. Empty when the text is another
  /// value.
  private static func members<Reader: PayloadReader & ~Escapable>(
    _ start: Reader,
    of capacity: Int
  ) throws(Reader.Failure) -> [String: String?] {
    var fields: [String: String?] = [:]
    var reader = start
    guard try reader.nextToken() == .beginObject else { return [:] }
    while case .key(let key)? = try reader.nextToken() {
      guard let value = try reader.nextToken() else { break }
      let name = text(key, in: reader, of: capacity)
      if case .text(let text) = value, fields[name] == nil {
        fields[name] = Self.text(text, in: reader, of: capacity)
      } else {
        fields[name] = .some(nil)
        try reader.skip(value)
      }
    }
    _ = try reader.nextToken()
    return fields
  }

  private static func text<Reader: PayloadReader & ~Escapable>(
    _ text: PayloadText,
    in reader: borrowing Reader,
    of capacity: Int
  ) -> String {
    var buffer = [UInt8](repeating: 0, count: capacity)
    var writer = ByteWriter(buffer.mutableSpan)
    // Resolving escapes and joining chunks never make a text longer.
    try? reader.copy(text, into: &writer)
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  func run(
    devices: [String: SimulatedDevice],
    names: SimulatedDeviceNames,
    _ assumptions: SimulatorAssumptions
  ) throws(Refusal) -> AuthenticationFields {
    let productKey = try required("productKey")
    let deviceName = try required("deviceName")
    let clientID = try required("clientId")
    let signature = try required("sign")
    guard clientID.utf8.count <= 64 else {
      throw Refusal(code: .badRequest, note: "the clientId has over 64 bytes")
    }
    for name in ["seq", "timestamp"] {
      guard let value = fields[name] ?? nil else { continue }
      guard !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else {
        throw Refusal(code: .badRequest, note: "the field \(name) is not a decimal number")
      }
    }
    let answersSeparately = try separateAnswers()
    let hash = try hashFunction()
    // Unverified (`unknown-device`, `bad-sign` of `Assumption`): 4.03 for an unknown device and 4.01 for a bad sign are what the codes' names say.
    guard let device = devices["\(productKey)/\(deviceName)"] else {
      throw Refusal(code: assumptions.unknownDevice, note: "unknown device")
    }
    guard names.allows(deviceName) else {
      throw Refusal(code: assumptions.unknownDevice, note: "the deviceName breaks the rule")
    }
    guard isSigned(signature, by: hash, for: device) else {
      throw Refusal(code: assumptions.badSign, note: "the sign does not fit the device secret")
    }
    return AuthenticationFields(device: device, answersSeparately: answersSeparately)
  }

  private func required(_ name: String) throws(Refusal) -> String {
    guard let value = fields[name] ?? nil, !value.isEmpty else {
      throw Refusal(code: .badRequest, note: "the field \(name) is missing")
    }
    return value
  }

  private func separateAnswers() throws(Refusal) -> Bool? {
    switch fields["ackMode"] ?? nil {
    case nil: return nil
    case "0": return false
    case "1": return true
    default: throw Refusal(code: .badRequest, note: "the field ackMode is neither 0 nor 1")
    }
  }

  private func hashFunction() throws(Refusal) -> Hash {
    switch fields["signmethod"] ?? nil {
    case nil, "hmacmd5": return .md5
    case "hmacsha1": return .sha1
    case "hmacsha256": return .sha256
    default: throw Refusal(code: .badRequest, note: "unknown signmethod")
    }
  }

  /// The guide's rule over whatever was submitted: all fields but four, sorted by name.
  private func isSigned(_ signature: String, by hash: Hash, for device: SimulatedDevice) -> Bool {
    let unsigned: Set<String> = ["version", "sign", "resources", "signmethod"]
    let content = fields.filter { !unsigned.contains($0.key) }.mapValues { $0 ?? "" }
    return Signature.isValid(signature, of: content, hash, device.secret)
  }
}

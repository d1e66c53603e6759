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
  var note: String
  /// Whether it is about a critical option, for which a non-confirmable request is not answered.
  var isAboutOption = false
  /// Whether the note names the setting with which the request would be taken.
  var namesSetting = false

  /// The refusal for a critical option that is unknown, or treated like one (RFC 7252 Section 5.4.1).
  static func option(_ note: String) -> Refusal {
    Refusal(code: .badOption, note: note, isAboutOption: true)
  }
}

/// Checks the payload of `POST /auth` by the device guide's section 3.6, in JSON or CBOR.
struct AuthenticationCheck {
  private static let known: Set<String> = [
    "productKey", "deviceName", "ackMode", "sign", "signmethod", "clientId", "timestamp", "seq",
    "version", "resources",
  ]

  private enum Field {
    case text(String)
    /// The digits of a whole number, as they are signed.
    case number(String)
    /// Another number or a truth value, as text.
    case word(String)
    /// Another value, or a name that comes twice.
    case other
  }

  /// The fields that a number may stand in, where that is granted.
  private static let numeric: Set<String> = ["seq", "timestamp", "ackMode"]

  private let fields: [String: String]

  init(
    payload: [UInt8],
    _ format: PlatformValue.Format,
    _ assumptions: SimulatorAssumptions,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) {
    let members: [(name: String, value: Field)]
    switch format {
    case .json:
      do throws(JSONError) {
        members = try Self.members(JSONReader(payload.span), of: payload.count)
      } catch {
        throw Refusal(code: .badRequest, note: "the payload is not JSON: \(error)")
      }
    case .cbor:
      do throws(CBORError) {
        members = try Self.members(CBORReader(payload.span), of: payload.count)
      } catch {
        throw Refusal(code: .badRequest, note: "the payload is not CBOR: \(error)")
      }
    }
    var fields: [String: String] = [:]
    for (name, value) in members {
      let known = try Self.known(name, assumptions, &leniencies)
      if !Self.known.contains(known) {
        guard let text = Self.signedText(of: value) else { continue }
        guard fields.updateValue(text, forKey: known) == nil else {
          throw Self.wrongForm(of: RequestRecord.printable(Array(known.utf8.prefix(64))))
        }
        continue
      }
      let text = try Self.text(of: value, in: known, &leniencies)
      guard fields.updateValue(text, forKey: known) == nil else {
        throw Self.wrongForm(of: known)
      }
    }
    self.fields = fields
  }

  /// The guide's name of a field.
  private static func known(
    _ name: String,
    _ assumptions: SimulatorAssumptions,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> String {
    if known.contains(name) { return name }
    let shown = RequestRecord.printable(Array(name.utf8.prefix(64)))
    guard name.lowercased() == "signmethod" else {
      // Unverified (`unknown-member` of `Assumption`): 4.00 for a member that the guide does not know.
      guard let code = assumptions.unknownMember else { return name }
      throw Refusal(code: code, note: "unknown field \(shown)")
    }
    try leniencies.need(.signMethodCase, "the field signmethod is spelt \(shown)") {
      Refusal(code: .badRequest, note: $0)
    }
    return "signmethod"
  }

  private static func text(
    of value: Field,
    in name: String,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> String {
    switch value {
    case .text(let text): return text
    case .number(let digits) where numeric.contains(name):
      try leniencies.need(.number, "the field \(name) is a number, not a text") {
        Refusal(code: .badRequest, note: $0)
      }
      return digits
    case .number, .word, .other: throw wrongForm(of: name)
    }
  }

  /// What is signed of a member that the guide does not know; `nil` where nothing is.
  private static func signedText(of value: Field) -> String? {
    switch value {
    case .text(let text), .number(let text), .word(let text): text
    case .other: nil
    }
  }

  private static func wrongForm(of name: String) -> Refusal {
    Refusal(code: .badRequest, note: "the field \(name) is not a string, or comes twice")
  }

  /// Whether the field of the symmetric mode is there.
  var hasSequence: Bool { fields["seq"] != nil }

  /// The members of one object; none when the text is another value.
  private static func members<Reader: PayloadReader & ~Escapable>(
    _ start: Reader,
    of capacity: Int
  ) throws(Reader.Failure) -> [(name: String, value: Field)] {
    var members: [(name: String, value: Field)] = []
    var reader = start
    guard try reader.nextToken() == .beginObject else { return [] }
    while case .key(let key)? = try reader.nextToken() {
      guard let value = try reader.nextToken() else { break }
      let name = text(key, in: reader, of: capacity)
      switch value {
      case .text(let text): members.append((name, .text(Self.text(text, in: reader, of: capacity))))
      case .integer(let number) where number >= 0: members.append((name, .number("\(number)")))
      case .unsigned(let number): members.append((name, .number("\(number)")))
      case .integer(let number): members.append((name, .word("\(number)")))
      case .double(let number): members.append((name, .word("\(number)")))
      case .boolean(let value): members.append((name, .word("\(value)")))
      default:
        members.append((name, .other))
        try reader.skip(value)
      }
    }
    _ = try reader.nextToken()
    return members
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
    _ assumptions: SimulatorAssumptions,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> AuthenticationFields {
    let productKey = try required("productKey")
    let deviceName = try required("deviceName")
    let clientID = try required("clientId")
    let signature = try required("sign")
    guard clientID.utf8.count <= 64 else {
      throw Refusal(code: .badRequest, note: "the clientId has over 64 bytes")
    }
    for name in ["seq", "timestamp"] { try checkNumber(name, &leniencies) }
    let answersSeparately = try separateAnswers()
    let hash = try hashFunction(&leniencies)
    // Unverified (`unknown-device` and `bad-sign` of `Assumption`): what the codes' names say.
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
    guard let value = fields[name], !value.isEmpty else {
      throw Refusal(code: .badRequest, note: "the field \(name) is missing")
    }
    return value
  }

  private func checkNumber(
    _ name: String,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) {
    guard let value = fields[name] else { return }
    if !value.isEmpty, value.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) { return }
    let note = "the field \(name) is not a decimal number"
    guard name == "seq", !value.isEmpty,
      value.unicodeScalars.allSatisfy({ $0.isASCII && $0.properties.isASCIIHexDigit })
    else { throw Refusal(code: .badRequest, note: note) }
    try leniencies.need(.hexadecimalSequence, "\(note), but hexadecimal") {
      Refusal(code: .badRequest, note: $0)
    }
  }

  private func separateAnswers() throws(Refusal) -> Bool? {
    switch fields["ackMode"] {
    case nil: return nil
    case "0": return false
    case "1": return true
    default: throw Refusal(code: .badRequest, note: "the field ackMode is neither 0 nor 1")
    }
  }

  private func hashFunction(_ leniencies: inout LeniencyUse) throws(Refusal) -> Hash {
    guard let name = fields["signmethod"] else { return .md5 }
    if let hash = Signature.hash(named: name) { return hash }
    guard let hash = Signature.hash(named: name.lowercased()) else {
      throw Refusal(code: .badRequest, note: "unknown signmethod")
    }
    let shown = RequestRecord.printable(Array(name.utf8))
    try leniencies.need(.signMethodCase, "signmethod is spelt \(shown)") {
      Refusal(code: .badRequest, note: $0)
    }
    return hash
  }

  /// The guide's rule over whatever was submitted: all fields but four, sorted by name.
  private func isSigned(_ signature: String, by hash: Hash, for device: SimulatedDevice) -> Bool {
    let unsigned: Set<String> = ["version", "sign", "resources", "signmethod"]
    let content = fields.filter { !unsigned.contains($0.key) }
    return Signature.isValid(signature, of: content, hash, device.secret)
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import PayloadCoding
package import PayloadValues

/// The fields with which a device identifies itself (device guide 3.6), as submitted.
package struct SubmittedCredentials {
  private static let known: Set<String> = [
    "productKey", "deviceName", "ackMode", "sign", "signmethod", "clientId", "timestamp", "seq",
    "version", "resources",
  ]

  private enum Field {
    case text(String)
    /// The digits of an integer, as covered by the signature.
    case number(String)
    /// Another number or a boolean, as text.
    case word(String)
    /// Another value, or a duplicate name.
    case other
  }

  /// The fields that may be numbers, if that leniency is granted.
  private static let numeric: Set<String> = ["seq", "timestamp", "ackMode"]

  let fields: [String: String]

  /// Credentials with the guide's field names, from any protocol.
  package init(fields: [String: String]) { self.fields = fields }

  /// Parses the payload of `/auth` in JSON or CBOR.
  package init(
    payload: [UInt8],
    _ format: PayloadValue.Format,
    _ assumptions: PlatformAssumptions,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) {
    let members: [(name: String, value: Field)]
    switch format {
    case .json:
      do throws(JSONError) {
        members = try Self.members(JSONReader(payload.span))
      } catch {
        throw Refusal(.malformed, "the payload is not JSON: \(error)")
      }
    case .cbor:
      do throws(CBORError) {
        members = try Self.members(CBORReader(payload.span))
      } catch {
        throw Refusal(.malformed, "the payload is not CBOR: \(error)")
      }
    }
    var fields: [String: String] = [:]
    for (name, value) in members {
      let known = try Self.known(name, assumptions, &leniencies)
      if !Self.known.contains(known) {
        guard let text = Self.signedText(of: value) else { continue }
        guard fields.updateValue(text, forKey: known) == nil else {
          throw Self.wrongForm(of: ReadableText.unlabelled(Array(known.utf8.prefix(64))))
        }
        continue
      }
      let text = try Self.text(of: value, in: known, &leniencies)
      guard fields.updateValue(text, forKey: known) == nil else {
        throw Self.wrongForm(of: known)
      }
    }
    self.init(fields: fields)
  }

  /// The guide's name for a field.
  private static func known(
    _ name: String,
    _ assumptions: PlatformAssumptions,
    _ leniencies: inout LeniencyUse
  ) throws(Refusal) -> String {
    if known.contains(name) { return name }
    let shown = ReadableText.unlabelled(Array(name.utf8.prefix(64)))
    guard name.lowercased() == "signmethod" else {
      // Unverified (`unknown-member` of `Assumption`): that a member that is not in the guide is
      // refused.
      guard assumptions.refusesUnknownMembers else { return name }
      throw Refusal(.unknownMember, "unknown field \(shown)")
    }
    try leniencies.need(.signMethodCase, "the field signmethod is spelt \(shown)") {
      Refusal(.malformed, $0, namesSetting: true)
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
        Refusal(.malformed, $0, namesSetting: true)
      }
      return digits
    case .number, .word, .other: throw wrongForm(of: name)
    }
  }

  /// The signed form of a member that is not in the guide; `nil` if it is not covered.
  private static func signedText(of value: Field) -> String? {
    switch value {
    case .text(let text), .number(let text), .word(let text): text
    case .other: nil
    }
  }

  private static func wrongForm(of name: String) -> Refusal {
    Refusal(.malformed, "the field \(name) is not a string, or comes twice")
  }

  /// Whether the field `seq` is present.
  package var hasSequence: Bool { fields["seq"] != nil }

  /// The members of a single object; empty if the text is another value.
  private static func members<Reader: PayloadReader & ~Escapable>(
    _ start: Reader
  ) throws(Reader.Failure) -> [(name: String, value: Field)] {
    var members: [(name: String, value: Field)] = []
    var reader = start
    guard try reader.nextToken() == .beginObject else { return [] }
    while case .key(let key)? = try reader.nextToken() {
      guard let value = try reader.nextToken() else { break }
      let name = reader.string(key)
      switch value {
      case .text(let text): members.append((name, .text(reader.string(text))))
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
}

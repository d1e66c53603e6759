// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// Why a request is answered with a code other than 200.
struct ThingRefusal: Error {
  let code: ReplyCode
  /// A sentence for the record; the reply has the guide's text.
  let note: String

  init(_ code: ReplyCode, _ note: String) {
    self.code = code
    self.note = note
  }

  /// 460.
  static func parameters(_ note: String) -> ThingRefusal { ThingRefusal(.parameterError, note) }
}

/// The envelope of a device's request (device guide 6).
///
/// Members that are not in the guide are ignored. Unverified (`broken-payload`, `letters-in-id` of
/// `Assumption`): that an `id` with characters other than digits gets 460, and that bytes that do
/// not match their Content-Format get 460 with the id "0" instead of a protocol error; the guide
/// says of code 460 that the JSON may be wrong (5).
struct ThingRequest {
  /// The request's `id` for the reply; "0" if it is missing or invalid.
  let identifier: PayloadValue
  /// The member `params`, or the error in the envelope.
  let parameters: Result<PayloadValue, ThingRefusal>

  init(_ value: PayloadValue?, _ method: ThingMethod, _ assumptions: PlatformAssumptions) {
    let takesLetters = assumptions.lettersInIdentifier == nil
    identifier = Self.identifier(of: value, method, takesLetters: takesLetters) ?? "0"
    do throws(ThingRefusal) {
      parameters = .success(try Self.parameters(of: value, method, assumptions))
    } catch {
      parameters = .failure(error)
    }
  }

  private static func parameters(
    of value: PayloadValue?,
    _ method: ThingMethod,
    _ assumptions: PlatformAssumptions
  ) throws(ThingRefusal) -> PayloadValue {
    guard let value else { throw .parameters("the payload is not a value of its Content-Format") }
    guard value.members != nil else { throw .parameters("the envelope is no object") }
    let letters = assumptions.lettersInIdentifier
    guard identifier(of: value, method, takesLetters: letters == nil) != nil else {
      let isText = value["id"]?.string?.isEmpty == false
      throw ThingRefusal(
        isText ? letters ?? .parameterError : .parameterError,
        "id is no text of decimal digits"
      )
    }
    if !method.isUpgrade {
      guard value["version"]?.string == "1.0" else { throw .parameters("version is not \"1.0\"") }
      guard value["method"]?.string == method.name else {
        throw .parameters("method is not \(method.name), as the topic says")
      }
    }
    guard let parameters = value["params"] else { throw .parameters("params is missing") }
    return parameters
  }

  private static func identifier(
    of value: PayloadValue?,
    _ method: ThingMethod,
    takesLetters: Bool
  ) -> PayloadValue? {
    guard let identifier = value?["id"] else { return nil }
    switch identifier {
    case .text(let text):
      guard !text.isEmpty,
        takesLetters || text.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
      else { return nil }
      return identifier
    case .integer(let number):
      return method.takesNumericIdentifier && number >= 0 ? identifier : nil
    default: return nil
    }
  }
}

extension PayloadValue {
  /// The members of a required object.
  func object(_ name: String) throws(ThingRefusal) -> [Member] {
    guard let members else { throw .parameters("\(name) is no object") }
    return members
  }

  /// The elements of a required array.
  func list(_ name: String) throws(ThingRefusal) -> [PayloadValue] {
    guard let elements else { throw .parameters("\(name) is no array") }
    return elements
  }

  /// A required text, which must not be empty.
  func text(_ name: String) throws(ThingRefusal) -> String {
    guard let text = self[name]?.string, !text.isEmpty else {
      throw .parameters("\(name) is no text")
    }
    return text
  }

  /// The device named by an element of a list.
  func identity() throws(ThingRefusal) -> DeviceState.Identity {
    DeviceState.Identity(productKey: try text("productKey"), deviceName: try text("deviceName"))
  }
}

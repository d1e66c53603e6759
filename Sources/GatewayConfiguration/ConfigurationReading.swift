// SPDX-License-Identifier: Apache-2.0
/// Makes the entries of a configuration of its values, and notes why it cannot.
///
/// Every function that returns `nil` has noted a problem.
struct ConfigurationReading {
  /// The longest text of a name, key or address, in bytes.
  static let maxText = 512

  let bytes: [UInt8]
  private(set) var problems: [GatewayProblem] = []

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  mutating func read() -> GatewayConfiguration {
    var configuration = GatewayConfiguration()
    guard bytes.count <= GatewayConfiguration.maxBytes else {
      note(.fileTooLong(bytes.count), at: GatewayPlace(path: "", offset: 0))
      return configuration
    }
    let value: PlacedValue
    do throws(GatewayProblem) {
      value = try PlacedValueParser.parse(bytes)
    } catch {
      note(error.reason, at: error.place)
      return configuration
    }
    guard let root = object(value, "") else { return configuration }
    let names = ["modelList", "serverList", "deviceList", "tslList"]
    guard names.contains(where: { root[$0] != nil }) else {
      note(.notAConfiguration, at: root.place)
      return configuration
    }
    configuration.products = entries(root, "modelList").compactMap { product($0) }
    configuration.servers = entries(root, "serverList").compactMap { server($0) }
    configuration.devices = entries(root, "deviceList").compactMap { device($0) }
    configuration.thingModels = entries(root, "tslList").compactMap { thingModel($0) }
    return configuration
  }

  mutating func note(_ reason: GatewayProblem.Reason, at place: GatewayPlace) {
    guard problems.count < GatewayConfiguration.maxProblems else { return }
    problems.append(GatewayProblem(reason, at: place))
  }

  /// The objects of a list; none where the list is missing, `null` or the empty text, which the
  /// guide's example has for an empty list.
  mutating func entries(_ object: PlacedObject, _ name: String) -> [PlacedObject] {
    guard let member = object[name] else { return [] }
    switch member.content {
    case .null: return []
    case .text(let text) where text.isEmpty: return []
    case .array(let elements):
      var objects: [PlacedObject] = []
      for (index, element) in elements.enumerated() {
        guard let entry = self.object(element, object.path(name) + "[\(index)]") else { continue }
        objects.append(entry)
      }
      return objects
    default:
      note(.expected("an array"), at: object.place(name, member))
      return []
    }
  }

  mutating func object(_ value: PlacedValue, _ path: String) -> PlacedObject? {
    guard case .object(let members) = value.content else {
      note(
        .expected("an object"),
        at: GatewayPlace(path: path, offset: value.range.lowerBound)
      )
      return nil
    }
    return PlacedObject(members: members, path: path, range: value.range)
  }

  /// A member that is an object.
  mutating func object(_ parent: PlacedObject, _ name: String) -> PlacedObject? {
    guard let member = required(parent, name) else { return nil }
    return object(member, parent.path(name))
  }

  /// A member that must be there.
  mutating func required(_ object: PlacedObject, _ name: String) -> PlacedValue? {
    if let member = object[name] { return member }
    note(.missing(name), at: object.place)
    return nil
  }

  /// A text that must not be empty; a number is taken as its digits.
  mutating func text(_ object: PlacedObject, _ name: String) -> String? {
    guard let member = required(object, name),
      let text = text(object, name, member)
    else { return nil }
    guard !text.isEmpty else {
      note(.empty, at: object.place(name, member))
      return nil
    }
    return text
  }

  /// A text that may be missing, empty or `null`, which is the empty one; `nil` for anything else.
  mutating func optionalText(_ object: PlacedObject, _ name: String) -> String? {
    guard let member = object[name] else { return "" }
    if case .null = member.content { return "" }
    return text(object, name, member)
  }

  private mutating func text(
    _ object: PlacedObject,
    _ name: String,
    _ member: PlacedValue
  ) -> String? {
    switch member.content {
    case .text(let text):
      guard text.utf8.count <= Self.maxText else {
        note(
          .textTooLong(text.utf8.count, limit: Self.maxText),
          at: object.place(name, member)
        )
        return nil
      }
      return text
    case .integer(let number): return String(number)
    default:
      note(.expected("a text"), at: object.place(name, member))
      return nil
    }
  }

  /// One of the words of an enumeration.
  mutating func word<Word: RawRepresentable<String> & CaseIterable>(
    _ object: PlacedObject,
    _ name: String,
    _ type: Word.Type
  ) -> Word? {
    guard let text = text(object, name) else { return nil }
    if let word = Word(rawValue: text) { return word }
    note(
      .unknownWord(text, known: type.allCases.map(\.rawValue)),
      at: object.place(name)
    )
    return nil
  }

  /// As above, for a member that may be missing: `.some(nil)`.
  mutating func optionalWord<Word: RawRepresentable<String> & CaseIterable>(
    _ object: PlacedObject,
    _ name: String,
    _ type: Word.Type
  ) -> Word?? {
    guard let text = optionalText(object, name) else { return nil }
    if text.isEmpty { return .some(nil) }
    guard let word = word(object, name, type) else { return nil }
    return word
  }

  /// A whole number within a range, also as a text.
  mutating func number(
    _ object: PlacedObject,
    _ name: String,
    _ range: ClosedRange<Int>
  ) -> Int? {
    guard let member = required(object, name) else { return nil }
    let number: Int
    switch member.content {
    case .integer(let value):
      number = Int(clamping: value)
    // Not `rounded`: programs would have to link libm for it.
    case .double(let value) where abs(value) < 1e15 && Double(Int64(value)) == value:
      number = Int(clamping: Int64(value))
    case .text(let text) where Int(text) != nil:
      number = Int(text) ?? 0
    default:
      note(.expected("a whole number"), at: object.place(name, member))
      return nil
    }
    guard range.contains(number) else {
      note(.outOfRange(String(number), range), at: object.place(name, member))
      return nil
    }
    return number
  }

  /// As above, for a member that may be missing or `null`: `.some(nil)`.
  mutating func optionalNumber(
    _ object: PlacedObject,
    _ name: String,
    _ range: ClosedRange<Int>
  ) -> Int?? {
    guard let member = object[name] else { return .some(nil) }
    if case .null = member.content { return .some(nil) }
    guard let number = number(object, name, range) else { return nil }
    return number
  }

  /// The product's key in `profile`.
  mutating func productKey(_ entry: PlacedObject) -> String? {
    guard let profile = object(entry, "profile") else { return nil }
    return text(profile, "productKey")
  }
}

/// An object with its place.
struct PlacedObject {
  let members: [PlacedValue.Member]
  let path: String
  let range: Range<Int>

  var place: GatewayPlace { GatewayPlace(path: path, offset: range.lowerBound) }

  subscript(_ name: String) -> PlacedValue? { members.first { $0.name == name }?.value }

  /// The path of a member.
  func path(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// The place of a member, or of the object where it has none of that name.
  func place(_ name: String) -> GatewayPlace { self[name].map { place(name, $0) } ?? place }

  func place(_ name: String, _ member: PlacedValue) -> GatewayPlace {
    GatewayPlace(path: path(name), offset: member.range.lowerBound)
  }
}

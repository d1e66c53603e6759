// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

extension ThingModelView {
  /// The next token; the payload cannot end before its value does.
  @inline(never)
  func next<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader
  ) throws(ThingModelError) -> PayloadToken {
    do throws(Reader.Failure) {
      if let token = try reader.nextToken() { return token }
    } catch {}
    throw .unreadablePayload
  }

  /// Skips the next value.
  @inline(never)
  func skipValue<Reader: PayloadReader & ~Escapable>(
    _ reader: inout Reader
  ) throws(ThingModelError) {
    do throws(Reader.Failure) { try reader.skipValue() } catch { throw .unreadablePayload }
  }

  /// The item of `list` with the identifier `key`.
  @_lifetime(copy list)
  func item<Reader: PayloadReader & ~Escapable>(
    of list: ThingModelCursor?,
    named key: PayloadText,
    in reader: Reader
  ) -> ThingModelCursor? {
    guard let list, let name = Self.name(key, in: reader) else { return nil }
    return list.item(identifier: name.bytes)
  }

  /// The bytes of a name; `nil` if it is longer than any identifier.
  static func name<Reader: PayloadReader & ~Escapable>(
    _ key: PayloadText,
    in reader: Reader
  ) -> FixedBytes<64>? {
    var name = FixedBytes<64>()
    do throws(CapacityError) {
      try name.write { (writer: inout ByteWriter) throws(CapacityError) in
        try reader.copy(key, into: &writer)
      }
    } catch {
      return nil
    }
    return name
  }

  /// Checks an object whose members are items of `list`, including all `required` ones.
  ///
  /// A violation breaks the data type at the model's offset `model`, if there is one.
  func check<Reader: PayloadReader & ~Escapable>(
    members reader: inout Reader,
    against list: ThingModelCursor?,
    model: Int? = nil
  ) throws(ThingModelError) {
    let start = reader
    guard try next(&reader) == .beginObject else {
      guard let model else { throw .notARequest(offset: reader.tokenOffset) }
      throw .value(.kind, offset: reader.tokenOffset, model: model)
    }
    let offset = reader.tokenOffset
    while case .key(let key) = try next(&reader) {
      let place = reader.tokenOffset
      guard let item = item(of: list, named: key, in: reader),
        let dataType = item.member("dataType")
      else { throw .unknownIdentifier(offset: place) }
      try check(value: &reader, against: dataType)
    }
    guard let list else { return }
    var place = list
    guard place.enterArray() else { return }
    while place.isBeforeItem() {
      if let required = place.member("required"), required.peek() == .boolean(true),
        let name = place.member("identifier"), try !has(start, memberNamed: name)
      {
        throw .missingMember(offset: offset, model: place.offset)
      }
      place.skipValue()
    }
  }

  /// Whether the next object has a member of that name.
  private func has<Reader: PayloadReader & ~Escapable>(
    _ reader: Reader,
    memberNamed name: ThingModelCursor
  ) throws(ThingModelError) -> Bool {
    var ahead = reader
    _ = try next(&ahead)
    while case .key(let key) = try next(&ahead) {
      if let content = Self.name(key, in: ahead), name.isText(content.bytes) { return true }
      try skipValue(&ahead)
    }
    return false
  }

  /// Checks the next value.
  func check<Reader: PayloadReader & ~Escapable>(
    value reader: inout Reader,
    against dataType: ThingModelCursor
  ) throws(ThingModelError) {
    guard let name = dataType.member("type") else {
      preconditionFailure("the initialiser has found a type in each data type")
    }
    let specs = dataType.member("specs")
    let type = ThingModelType(name)
    if type == .structure {
      return try check(members: &reader, against: specs, model: dataType.offset)
    }
    let token = try next(&reader)
    let offset = reader.tokenOffset
    if type == .array {
      guard token == .beginArray else {
        throw .value(.kind, offset: offset, model: dataType.offset)
      }
      return try check(items: &reader, specs, model: dataType)
    }
    var size: Int?
    if case .text(let text) = token {
      size =
        type == .text && rules.textLength == .characters
        ? reader.scalarCount(of: text) : reader.byteCount(of: text)
    }
    var digits = FixedBytes<19>()
    if type == .date, case .text(let text) = token {
      do throws(CapacityError) {
        try digits.write { (writer: inout ByteWriter) throws(CapacityError) in
          try reader.copy(text, into: &writer)
        }
      } catch {
        throw .value(.date, offset: offset, model: dataType.offset)
      }
    }
    if let rule = try brokenRule(token, type, specs, textSize: size, date: digits.bytes) {
      throw .value(rule, offset: offset, model: dataType.offset)
    }
  }

  /// Checks the items of an array that is already open, and reads its end.
  private func check<Reader: PayloadReader & ~Escapable>(
    items reader: inout Reader,
    _ specs: ThingModelCursor?,
    model dataType: ThingModelCursor
  ) throws(ThingModelError) {
    guard let specs, let item = specs.member("item") else {
      preconditionFailure("the initialiser has found the items' type in each array")
    }
    let size = try specs.count("size")
    var count = 0
    while true {
      let before = reader
      if try next(&reader) == .endArray {
        guard rules.arraySize == .exact, let size, count < size else { return }
        throw .value(.size, offset: reader.tokenOffset, model: dataType.offset)
      }
      if let size, count >= size {
        throw .value(.size, offset: reader.tokenOffset, model: dataType.offset)
      }
      reader = before
      try check(value: &reader, against: item)
      count += 1
    }
  }

  /// The rule of a simple type that a value breaks.
  private func brokenRule(
    _ token: PayloadToken,
    _ type: ThingModelType,
    _ specs: ThingModelCursor?,
    textSize: Int?,
    date: Span<UInt8>
  ) throws(ThingModelError) -> ThingModelRule? {
    switch type {
    case .int:
      switch token {
      case .integer(let value):
        guard value >= -0x8000_0000, value <= 0x7FFF_FFFF else { return .range }
        return try brokenRule(ExactDecimal(value), specs)
      case .unsigned: return .range
      default: return .kind
      }
    case .float, .double:
      switch token {
      case .integer(let value): return try brokenRule(ExactDecimal(value), specs)
      case .unsigned(let value): return try brokenRule(ExactDecimal(value), specs)
      case .double(let value):
        guard value.isFinite else { return .kind }
        let single = Float(value)
        if type == .float, !single.isFinite { return .range }
        let isSingle = type == .float && Double(single) == value
        guard let decimal = isSingle ? ExactDecimal(single) : ExactDecimal(value) else {
          return .kind
        }
        return try brokenRule(decimal, specs)
      default: return .kind
      }
    case .bool:
      guard case .integer(let value) = token else { return .kind }
      return value == 0 || value == 1 ? nil : .range
    case .enumeration:
      guard case .integer(let value) = token else { return .kind }
      guard let specs, specs.hasKey(value) else { return .enumeration }
      return nil
    case .text:
      guard let textSize else { return .kind }
      guard let specs, let length = try specs.count("length") else { return nil }
      return textSize <= length ? nil : .length
    case .date:
      guard textSize != nil else { return .kind }
      // Up to 19 digits, like the largest Int64.
      guard let time = ThingModelView.number(date), time <= 0x7FFF_FFFF_FFFF_FFFF else {
        return .date
      }
      return nil
    case .array, .structure, .other: return .type
    }
  }

  private func brokenRule(
    _ value: ExactDecimal,
    _ specs: ThingModelCursor?
  ) throws(ThingModelError) -> ThingModelRule? {
    guard let specs else { return nil }
    let minimum = try specs.decimal("min")
    if let minimum, value.compare(minimum) < 0 { return .range }
    if let maximum = try specs.decimal("max"), value.compare(maximum) > 0 { return .range }
    guard rules.checksSteps, let step = try specs.decimal("step") else { return nil }
    return value.isMultiple(of: step, from: minimum ?? ExactDecimal(Int64(0))) ? nil : .step
  }

  /// The value of decimal digits; `nil` for anything else and above `UInt64.max`.
  private static func number(_ digits: Span<UInt8>) -> UInt64? {
    JSONReader(digits).unsigned(0..<digits.count)
  }
}

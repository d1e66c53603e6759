// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// Tags, the thing model and remote configuration (device guide 6.9, 6.10 and 6.12).
extension SimulatedThings {
  // MARK: Tags

  /// `thing.deviceinfo.update`: all tags or none.
  mutating func updateTags(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) {
    let elements = try Self.tags(parameters)
    var tags = states[device.path]?.tags ?? [:]
    for element in elements {
      let value = try element.text("attrValue")
      guard
        value.unicodeScalars.allSatisfy({
          Self.isTagValue($0, basicOnly: assumptions.takesBasicIdeographsOnly)
        })
      else {
        throw .parameters(
          "an attrValue has other than Chinese, letters, digits, \"_\", \"-\" and \".\""
        )
      }
      tags[try Self.tagKey(element)] = value
    }
    guard tags.count <= DeviceState.maxTags else {
      throw .parameters("the device would have \(tags.count) tags")
    }
    states[device.path, default: DeviceState()].tags = tags
  }

  /// `thing.deviceinfo.delete`: deleting a tag that does not exist is not an error.
  mutating func deleteTags(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) {
    var keys: [String] = []
    for element in try Self.tags(parameters) { keys.append(try Self.tagKey(element)) }
    for key in keys { states[device.path]?.tags[key] = nil }
  }

  private static func tags(_ parameters: PayloadValue) throws(ThingRefusal) -> [PayloadValue] {
    let elements = try parameters.list("params")
    guard elements.count <= DeviceState.maxTags else {
      throw .parameters("params has \(elements.count) tags")
    }
    return elements
  }

  /// At most 64 bytes of letters, digits and "_", not starting with a digit.
  private static func tagKey(_ element: PayloadValue) throws(ThingRefusal) -> String {
    let key = try element.text("attrKey")
    guard key.utf8.count <= 64,
      key.unicodeScalars.allSatisfy({ isLetterOrDigit($0) || $0 == "_" }),
      let first = key.unicodeScalars.first, !("0"..."9").contains(first)
    else { throw .parameters("an attrKey breaks the rule") }
    return key
  }

  /// Whether a character is an English letter, a digit, `_`, `-`, `.`, or Chinese.
  ///
  /// The Chinese characters are the blocks CJK Unified Ideographs with Extension A and CJK
  /// Compatibility Ideographs, planes 2 and 3, which Unicode reserves for ideographs, and 〇, the
  /// zero in dates such as 二〇二四. Unverified (`tag-characters` of `Assumption`): the guide says only
  /// "Chinese" (6.9). The device has the same set.
  package static func isTagValue(_ scalar: Unicode.Scalar, basicOnly: Bool = false) -> Bool {
    if isLetterOrDigit(scalar) || scalar == "_" || scalar == "-" || scalar == "." { return true }
    if basicOnly { return (0x4E00...0x9FFF).contains(scalar.value) }
    return switch scalar.value {
    case 0x3007, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xF900...0xFAFF, 0x20000...0x3FFFF: true
    default: false
    }
  }

  static func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case "a"..."z", "A"..."Z", "0"..."9": true
    default: false
    }
  }

  // MARK: Thing model and remote configuration

  /// `thing.dsltemplate.get`.
  ///
  /// Unverified (`no-model` of `Assumption`): 6321 for a product without a model, the closest code
  /// in the guide.
  func model(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) -> PayloadValue {
    _ = try parameters.object("params")
    guard let model = products[device.productKey]?.thingModel else {
      throw ThingRefusal(assumptions.noModel, "the product has no thing model")
    }
    return model.definition
  }

  /// `thing.config.get`.
  func remoteConfiguration(
    _ parameters: PayloadValue,
    of device: Identity
  ) throws(ThingRefusal) -> PayloadValue {
    guard parameters["configScope"] == "product" else {
      throw .parameters("configScope is not product")
    }
    guard parameters["getType"] == "file" else { throw .parameters("getType is not file") }
    switch products[device.productKey]?.remoteConfiguration {
    case .file(let file): return file.description
    case .unavailable: throw ThingRefusal(.configurationUnavailable, "it is switched off")
    case .empty, nil: throw ThingRefusal(.noData, "the product has no configuration")
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

/// An example of JSON in the device guide: what the index in `Resources/guide` says of it, and its text
/// as printed, in the file `section-name.txt` beside it.
///
/// Where a page's end cuts an example in two, the file has the parts joined, without the braces that
/// closed the first one.
struct GuideExample: Decodable, Sendable, CustomTestStringConvertible {
  enum Role: String, Decodable, Sendable {
    /// A device's request that CoAP carries.
    case request
    /// The platform's answer to it.
    case reply
    /// The platform's request.
    case downlink
    /// The device's answer to it.
    case answer
    /// A firmware that the platform offers.
    case firmware
    /// What stands outside the envelope of the thing model.
    case other
  }

  /// What makes an ill-formed example well formed, and how one knows: mostly by a number of the list of
  /// the guide's typos (protocol facts 1.21).
  struct Correction: Decodable, Sendable {
    let replace: String
    let with: String
    let reason: String
  }

  let section: String
  let name: String
  let role: Role
  let isWellFormed: Bool
  /// Whether lines are broken within strings, as the page was too narrow.
  let isWrapped: Bool?
  let corrections: [Correction]?
  /// The topic that is printed for it, with its placeholders.
  let topic: String?
  /// The topic that is printed for a device's answer.
  let replyTopic: String?
  let id: UInt64?
  let code: UInt64?
  let message: String?
  let method: String?

  var key: String { "\(section) \(name)" }
  var testDescription: String { key }

  /// Ill-formed, and not to be corrected.
  var isBeyondCorrection: Bool { !isWellFormed && isWrapped != true && corrections == nil }

  /// The text as it is printed.
  var printed: String {
    guard let text = try? String(contentsOf: file("\(section)-\(name).txt"), encoding: .utf8)
    else { preconditionFailure("each example of the index has a file") }
    return text
  }

  /// The text after the corrections.
  var corrected: String {
    var text = printed
    for correction in corrections ?? [] {
      text = text.replacingOccurrences(of: correction.replace, with: correction.with)
    }
    guard isWrapped == true else { return text }
    return filtered(text) { isInString, byte in !isInString || byte != 0x0A }
  }

  /// The corrected text without white space: what a writer is to produce.
  var minified: String {
    filtered(corrected) { isInString, byte in isInString || byte > 0x20 }
  }

  static let all: [GuideExample] = {
    guard let data = try? Data(contentsOf: file("index.json")),
      let examples = try? JSONDecoder().decode([GuideExample].self, from: data)
    else { preconditionFailure("the index is a resource of this target") }
    return examples
  }()

  /// All examples of that role.
  static func all(_ role: Role) -> [GuideExample] { all.filter { $0.role == role } }

  /// The example of that section and name.
  static func of(_ key: String) throws -> GuideExample {
    try #require(all.first { $0.key == key }, "\(key) is not in the index")
  }

  /// The names of the files beside the index.
  static var fileNames: Set<String> {
    let names = try? FileManager.default.contentsOfDirectory(atPath: file("").path)
    return Set(names ?? [])
  }
}

private func file(_ name: String) -> URL {
  guard let folder = Bundle.module.resourceURL else {
    preconditionFailure("the guide's examples are resources of this target")
  }
  return folder.appendingPathComponent("guide").appendingPathComponent(name)
}

/// The bytes of a text of JSON for which `isKept` holds; it is told whether they lie within a string.
private func filtered(_ text: String, _ isKept: (Bool, UInt8) -> Bool) -> String {
  var kept: [UInt8] = []
  var isInString = false
  var isEscaped = false
  for byte in text.utf8 {
    if byte == UInt8(ascii: "\""), !isEscaped { isInString.toggle() }
    isEscaped = isInString && byte == UInt8(ascii: "\\") && !isEscaped
    if isKept(isInString, byte) { kept.append(byte) }
  }
  return String(decoding: kept, as: UTF8.self)
}

// SPDX-License-Identifier: Apache-2.0
internal import Foundation

/// A value and its source, which is named in errors.
struct Setting<Value> {
  let value: Value
  /// An option, a variable, or a line of the configuration file.
  let origin: String

  /// Runs `body` with the value; its errors name the value's source.
  func use<Result>(_ body: (Value) throws -> Result) throws -> Result {
    do {
      return try body(value)
    } catch let complaint as Complaint {
      throw Complaint("\(origin): \(complaint.message)", complaint.status)
    }
  }

  func map<Other>(_ body: (Value) -> Other) -> Setting<Other> {
    Setting<Other>(value: body(value), origin: origin)
  }
}

extension Setting: Sendable where Value: Sendable {}

/// Environment variables that replace options; an option takes precedence.
enum Variable: String, CaseIterable {
  case productKey = "NBIOT_PRODUCT_KEY"
  case deviceName = "NBIOT_DEVICE_NAME"
  case endpoint = "NBIOT_ENDPOINT"

  /// The variable's value, trimmed; `nil` if it is not set or empty.
  var setting: Setting<String>? {
    guard let text = ProcessInfo.processInfo.environment[rawValue] else { return nil }
    let value = InputText.trimmed(text)
    return value.isEmpty ? nil : Setting(value: value, origin: rawValue)
  }

  /// The bytes of a variable, which need not be text; empty if it is not set.
  static func bytes(_ name: String) -> [UInt8] {
    // SAFETY: the text ends with a zero byte, and nothing here changes the environment.
    guard let text = unsafe getenv(name) else { return [] }
    return unsafe UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
  }
}

internal import Foundation

/// A value and where it was given, which is said when something is wrong with it.
struct Setting<Value> {
  let value: Value
  /// An option, a variable, or a line of the configuration file.
  let origin: String

  /// Runs `body` with the value; a complaint of it names where the value was given.
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

/// Variables of the environment that stand for options; an option outranks them.
enum Variable: String, CaseIterable {
  case productKey = "NBIOT_PRODUCT_KEY"
  case deviceName = "NBIOT_DEVICE_NAME"
  case endpoint = "NBIOT_ENDPOINT"

  /// Its value without white space at the ends; `nil` where it is not set, or empty.
  var setting: Setting<String>? {
    guard let text = ProcessInfo.processInfo.environment[rawValue] else { return nil }
    let value = InputText.trimmed(text)
    return value.isEmpty ? nil : Setting(value: value, origin: rawValue)
  }

  /// The bytes of a variable, which need not be text; none where it is not set.
  static func bytes(_ name: String) -> [UInt8] {
    // SAFETY: the text ends with a zero byte, and nothing here changes the environment.
    guard let text = unsafe getenv(name) else { return [] }
    return unsafe UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
  }
}

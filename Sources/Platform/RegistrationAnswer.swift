// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding

/// The platform's answer to a dynamic registration, parsed from untrusted bytes.
///
/// Over HTTPS it is `{"code":200,"data":{"productKey":…,"deviceName":…,"deviceSecret":…}}` (device
/// guide 6.2); over CoAP the members of `data` may be members of the answer itself (protocol facts
/// 2.1). Both forms are accepted. After using the secret, wipe it with `withDeviceSecretStorage`.
public struct RegistrationAnswer: ~Copyable {
  /// The platform's code, 200 for success; `nil` if the answer has none.
  public private(set) var code: UInt64?

  /// The platform's text, up to 128 bytes; a longer one is dropped.
  public private(set) var message = FixedBytes<128>()

  /// The product that the secret belongs to; empty if the answer does not name it.
  public private(set) var productKey = FixedBytes<64>()

  /// The device that the secret belongs to; empty if the answer does not name it.
  public private(set) var deviceName = FixedBytes<32>()

  /// The device's own secret, 1 to 128 bytes; empty if the platform refused.
  public private(set) var deviceSecret = FixedBytes<128>()

  private var hasData = false
  private var hasMessage = false

  /// Whether there is a secret, and a code of 200 or none.
  public var isSuccess: Bool { !deviceSecret.isEmpty && (code ?? 200) == 200 }

  /// Lets `body` wipe the secret, unused bytes included.
  public mutating func withDeviceSecretStorage(_ body: (inout MutableSpan<UInt8>) -> Void) {
    deviceSecret.withStorage(body)
  }

  /// Whether the answer does not name another device.
  public func isFor(_ identity: DeviceIdentity) -> Bool {
    (productKey.isEmpty || productKey == identity.productKey)
      && (deviceName.isEmpty || deviceName == identity.deviceName)
  }

  /// Parses a JSON object; ignores unknown members and accepts the code as a number or a string.
  ///
  /// Throws if a success has no secret.
  public init(json: Span<UInt8>) throws(RegistrationAnswerError) {
    var reader = JSONReader(received: json)
    guard try Self.next(&reader) == .beginObject else { throw .notAnObject }
    try readMembers(&reader, isOuter: true)
    // The object is closed, and must end the payload.
    guard try Self.next(&reader) == nil else { throw .notAnObject }
    if (code ?? 200) == 200, deviceSecret.isEmpty { throw .deviceSecret }
  }

  private mutating func readMembers(
    _ reader: inout JSONReader,
    isOuter: Bool
  ) throws(RegistrationAnswerError) {
    while case .key(let key)? = try Self.next(&reader) {
      guard let value = try Self.next(&reader) else { throw .json(.truncated) }
      if reader.string(key, equals: "deviceSecret") {
        try Self.read(value, in: reader, into: &deviceSecret, otherwise: .deviceSecret)
      } else if reader.string(key, equals: "productKey") {
        try Self.read(value, in: reader, into: &productKey, otherwise: .names)
      } else if reader.string(key, equals: "deviceName") {
        try Self.read(value, in: reader, into: &deviceName, otherwise: .names)
      } else if isOuter, reader.string(key, equals: "code") {
        guard code == nil else { throw .repeated }
        guard let number = reader.unsigned(in: value) else { throw .code }
        code = number
      } else if isOuter, reader.string(key, equals: "message") {
        try readMessage(value, &reader)
      } else if isOuter, reader.string(key, equals: "data") {
        guard !hasData else { throw .repeated }
        hasData = true
        // A refusal may have `null` or a string here.
        if value == .beginObject {
          try readMembers(&reader, isOuter: false)
        } else {
          try Self.skip(value, &reader)
        }
      } else {
        try Self.skip(value, &reader)
      }
    }
  }

  private mutating func readMessage(
    _ value: JSONToken,
    _ reader: inout JSONReader
  ) throws(RegistrationAnswerError) {
    guard !hasMessage else { throw .repeated }
    hasMessage = true
    guard case .string(let range) = value else { return try Self.skip(value, &reader) }
    try? message.write { (writer: inout ByteWriter) throws(CapacityError) in
      try reader.copyString(range, into: &writer)
    }
  }

  private static func read<let capacity: Int>(
    _ value: JSONToken,
    in reader: borrowing JSONReader,
    into target: inout FixedBytes<capacity>,
    otherwise failure: RegistrationAnswerError
  ) throws(RegistrationAnswerError) {
    guard target.isEmpty else { throw .repeated }
    guard reader.copy(value, into: &target) else { throw failure }
  }

  private static func skip(
    _ value: JSONToken,
    _ reader: inout JSONReader
  ) throws(RegistrationAnswerError) {
    do throws(JSONError) { try reader.skip(value) } catch { throw .json(error) }
  }

  private static func next(
    _ reader: inout JSONReader
  ) throws(RegistrationAnswerError) -> JSONToken? {
    do throws(JSONError) { return try reader.next() } catch { throw .json(error) }
  }
}

/// Why an answer to a registration could not be used.
public enum RegistrationAnswerError: Error, Equatable, Sendable {
  /// The payload is not JSON.
  case json(JSONError)
  /// The payload is JSON, but not one object.
  case notAnObject
  /// The code is not a number.
  case code
  /// A success without a secret, or with one that is not a string, empty or longer than 128 bytes.
  case deviceSecret
  /// A product key or device name that is not a string, empty or too long.
  case names
  /// A member is repeated, so its value is ambiguous.
  case repeated
}

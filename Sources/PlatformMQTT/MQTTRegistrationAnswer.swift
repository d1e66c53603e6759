// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// What the platform publishes to `/ext/register` to a device that registers, read strictly from bytes that anybody
/// may have sent.
///
/// `{"productKey","deviceName","deviceSecret"}` to one that is known beforehand (the second document's section on
/// dynamic registration); `{"clientId","productKey","deviceName","deviceToken"}` to one that is not. Unverified: the
/// second form is in public code of devices only. Whoever has used the secret wipes it with `withSecretStorage`.
public struct MQTTRegistrationAnswer: ~Copyable {
  /// Where it comes.
  public static var topic: StaticString { "/ext/register" }

  /// The device's secret, or its token where it was not known beforehand: 1 to 128 bytes.
  public private(set) var secret = FixedBytes<128>()

  /// The client id that the token is for, 1 to 64 bytes; empty with a secret.
  public private(set) var clientID = FixedBytes<64>()

  private var productKey = FixedBytes<64>()
  private var deviceName = FixedBytes<32>()

  /// Lets `body` wipe the secret, unused bytes included.
  public mutating func withSecretStorage(_ body: (inout MutableSpan<UInt8>) -> Void) {
    secret.withStorage(body)
  }

  /// Reads one JSON object for the device that asked; unknown members are passed over.
  public init(
    json: Span<UInt8>,
    for identity: DeviceIdentity,
    kind: MQTTRegistrationRequest.Kind = .preregistered
  ) throws(MQTTRegistrationAnswerError) {
    var reader = JSONReader(received: json)
    guard try Self.next(&reader) == .beginObject else { throw .notAnObject }
    let name: StaticString =
      switch kind {
      case .preregistered: "deviceSecret"
      case .unregistered: "deviceToken"
      }
    while case .key(let key)? = try Self.next(&reader) {
      guard let value = try Self.next(&reader) else { throw .json(.truncated) }
      if reader.string(key, equals: name) {
        try Self.read(value, reader, into: &secret, otherwise: .secret)
      } else if reader.string(key, equals: "productKey") {
        try Self.read(value, reader, into: &productKey, otherwise: .otherDevice)
      } else if reader.string(key, equals: "deviceName") {
        try Self.read(value, reader, into: &deviceName, otherwise: .otherDevice)
      } else if kind == .unregistered, reader.string(key, equals: "clientId") {
        try Self.read(value, reader, into: &clientID, otherwise: .clientID)
      } else {
        do throws(JSONError) { try reader.skip(value) } catch { throw .json(error) }
      }
    }
    // The object is closed; nothing may follow it.
    guard try Self.next(&reader) == nil else { throw .notAnObject }
    guard productKey == identity.productKey, deviceName == identity.deviceName else {
      throw .otherDevice
    }
    guard !secret.isEmpty else { throw .secret }
    guard kind == .preregistered || !clientID.isEmpty else { throw .clientID }
  }

  private static func read<let capacity: Int>(
    _ value: JSONToken,
    _ reader: borrowing JSONReader,
    into target: inout FixedBytes<capacity>,
    otherwise failure: MQTTRegistrationAnswerError
  ) throws(MQTTRegistrationAnswerError) {
    guard target.isEmpty else { throw .repeated }
    guard reader.copy(value, into: &target) else { throw failure }
  }

  private static func next(
    _ reader: inout JSONReader
  ) throws(MQTTRegistrationAnswerError) -> JSONToken? {
    do throws(JSONError) { return try reader.next() } catch { throw .json(error) }
  }
}

/// Why an answer to a registration over MQTT could not be used.
public enum MQTTRegistrationAnswerError: Error, Equatable, Sendable {
  /// The payload is not JSON.
  case json(JSONError)
  /// The payload is JSON, but not one object.
  case notAnObject
  /// The secret or token is missing, no text, empty or longer than 128 bytes.
  case secret
  /// The client id is missing, no text, empty or longer than 64 bytes.
  case clientID
  /// It names no device, or another one.
  case otherDevice
  /// A member comes twice; which one holds cannot be known.
  case repeated
}

/// Why bytes are no message of the thing model.
public enum AlinkMessageError: Error, Equatable, Sendable {
  /// They are not of the format, or end too early, or go on too long, or lie too many levels deep.
  case malformed
  /// They, or the member that is asked for, are a value other than an object.
  case notAnObject
  /// A member comes twice.
  case repeated(AlinkMember)
  /// A number is no whole number from 0 to 2^64 - 1.
  case number(AlinkMember)
  /// A member that is needed is missing, too long or of another type.
  case member(AlinkMember)
  /// It is the first block of a message that is longer than a datagram (RFC 7959).
  case incomplete
}

/// A member of the platform's messages (device guide 4 to 6).
public enum AlinkMember: UInt8, Sendable {
  /// The envelope's.
  case id, code, message, method, data, parameters
  /// A device's: `productKey`, `deviceName`, `deviceSecret` and `iotId`.
  case productKey, deviceName, deviceSecret, iotID
  /// A file's: the version or `configId`, the size or `configSize`, `url`, and what it is verified by.
  case version, size, url, sign, signMethod, digest, digestMethod
  /// A desired value's; `version` is its other one.
  case value
  /// An identifier in a list.
  case identifier
}

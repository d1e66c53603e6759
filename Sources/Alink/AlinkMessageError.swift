// SPDX-License-Identifier: Apache-2.0
/// Why bytes are not a message of the thing model.
public enum AlinkMessageError: Error, Equatable, Sendable {
  /// The bytes are not valid in the format, are too short or too long, or are nested too deeply.
  case malformed
  /// The bytes, or the requested member, are not an object.
  case notAnObject
  /// A duplicate member.
  case repeated(AlinkMember)
  /// A number that is not an integer from 0 to 2^64 - 1.
  case number(AlinkMember)
  /// A required member is missing, too long or of another type.
  case member(AlinkMember)
  /// The first block of a message too long for a datagram (RFC 7959).
  case incomplete
}

/// A member of the platform's messages (device guide 4 to 6).
public enum AlinkMember: UInt8, Sendable {
  /// Members of the envelope.
  case id, code, message, method, data, parameters
  /// Members of a device: `productKey`, `deviceName`, `deviceSecret` and `iotId`.
  case productKey, deviceName, deviceSecret, iotID
  /// Members of a file: the version or `configId`, the size or `configSize`, `url`, and the
  /// digests.
  case version, size, url, sign, signMethod, digest, digestMethod
  /// A member of a desired value, in addition to `version`.
  case value
  /// An identifier in a list.
  case identifier
}

// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// The part of a device's session with the platform that outlives the process.
///
/// Size: some 2.3 KB.
public struct SessionRecord: Sendable {
  /// Binds the session: a digest over credentials, endpoint and mode.
  public var fingerprint = FixedBytes<32>()

  /// The platform's token.
  public var token = FixedBytes<192>()

  /// The platform's random text, from which the symmetric mode derives its key; otherwise empty.
  public var random = FixedBytes<32>()

  /// No number above this one has been used under the token.
  public var ceiling: UInt64 = 0

  /// The time at which the token was issued.
  public var obtainedAt = KeptTime()

  /// The exported session of the secure channel; empty if there is none.
  public var channel = FixedBytes<2048>()

  /// Creates an empty record.
  public init() {}
}

/// The result of `SessionStore.load`.
public enum SessionFinding: Equatable, Sendable {
  /// There is no session.
  case none
  /// The session was loaded, exactly as stored.
  case found
  /// A session with another fingerprint.
  case foreign
  /// A session that is not trustworthy.
  case damaged(SessionDamage)
  /// A file that others can read or change, that belongs to another user, or that is not a file:
  /// its token may be known or forged.
  case notPrivate
}

/// The damage of a stored session.
public enum SessionDamage: Equatable, Sendable {
  /// It does not start like a session.
  case head
  /// It was written by another version of this software.
  case version
  /// It is shorter than its lengths.
  case length
  /// Its checksum is wrong.
  case record
  /// The last reserved number has a wrong checksum, for example after a power failure during the
  /// write.
  case reservation
}

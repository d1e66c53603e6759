public import ConstrainedCore

/// What of a device's session with the platform outlives the process.
///
/// Size: some 2.3 KB.
public struct SessionRecord: Sendable {
  /// What the session belongs to: a digest over credentials, endpoint and mode.
  public var fingerprint = FixedBytes<32>()

  /// The platform's token.
  public var token = FixedBytes<192>()

  /// The platform's random text, from which the symmetric mode derives its key; else empty.
  public var random = FixedBytes<32>()

  /// No number above this one has been used under the token.
  public var ceiling: UInt64 = 0

  /// When the token came.
  public var obtainedAt = KeptTime()

  /// The secure channel's session as it was exported; empty when there is none.
  public var channel = FixedBytes<2048>()

  /// An empty record.
  public init() {}
}

/// What `SessionStore.load` found.
public enum SessionFinding: Equatable, Sendable {
  /// There is no session.
  case none
  /// The session, exactly as it was stored.
  case found
  /// A session with another fingerprint.
  case foreign
  /// A session that cannot be relied on.
  case damaged(SessionDamage)
  /// A file that others can read or change, that is not the user's own or no file at all: its token
  /// may be known or made up.
  case notPrivate
}

/// What is wrong with a stored session.
public enum SessionDamage: Equatable, Sendable {
  /// It does not begin as a session does.
  case head
  /// It was written by another version of this software.
  case version
  /// It is shorter than it says.
  case length
  /// Its checksum is not that of its bytes.
  case record
  /// The number reserved last has another checksum, as when the power goes while it is written.
  case reservation
}

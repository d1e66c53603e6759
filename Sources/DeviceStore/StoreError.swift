/// Why the device's files cannot be used; every `code` is `errno`.
public enum StoreError: Error, Equatable, Sendable {
  /// The directory can be neither opened nor made.
  case directory(code: Int32)
  /// Another process, or another `StateDirectory`, holds the directory.
  case inUse
  /// The directory or a file in it belongs to somebody else, or others can write to it.
  case notPrivate
  /// A file cannot be opened or made.
  case open(code: Int32)
  /// A file cannot be read.
  case read(code: Int32)
  /// A file cannot be written to.
  case write(code: Int32)
  /// What was written may be lost when the power goes.
  case sync(code: Int32)
  /// A finished file cannot be put in its place.
  case rename(code: Int32)
  /// The file was written by a later version of this software.
  case version
  /// The file was written by an earlier version of this software, which is to deliver what is in it.
  case oldVersion
  /// The outbox is longer than any that this software writes.
  case tooLarge
  /// There is no session that a number could be reserved for: none was found, or the last
  /// `replace` failed.
  case noSession
}

// SPDX-License-Identifier: Apache-2.0
/// Why the device's files cannot be used; every `code` is `errno`.
public enum StoreError: Error, Equatable, Sendable {
  /// The directory can be neither opened nor created.
  case directory(code: Int32)
  /// Another process, or another `StateDirectory`, holds the directory.
  case inUse
  /// The directory or a file in it belongs to another user, or others can write to it.
  case notPrivate
  /// A file cannot be opened or created.
  case open(code: Int32)
  /// A file cannot be read.
  case read(code: Int32)
  /// A file cannot be written to.
  case write(code: Int32)
  /// Written data may be lost in a power failure.
  case sync(code: Int32)
  /// A finished file cannot be put in its place.
  case rename(code: Int32)
  /// The file was written by a later version of this software.
  case version
  /// The file was written by an earlier version of this software, which has to deliver its
  /// contents.
  case oldVersion
  /// The outbox is longer than any written by this software.
  case tooLarge
  /// There is no session for which a number could be reserved: none was found, or the last
  /// `replace` failed.
  case noSession
}

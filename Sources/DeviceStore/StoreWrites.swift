// SPDX-License-Identifier: Apache-2.0
/// Counts writes to flash.
public struct StoreWrites: Equatable, Sendable {
  /// Files rewritten as a replacement of the old one.
  public internal(set) var replacements = 0

  /// Calls that wrote bytes (`pwrite`).
  public internal(set) var writes = 0

  /// Calls that waited for the storage (`fdatasync`, `fsync`), including those for directories.
  public internal(set) var syncs = 0

  /// Bytes written, without the file system's own.
  public internal(set) var bytes = 0

  /// Starts at 0.
  public init() {}
}

/// What was written to flash, counted.
public struct StoreWrites: Equatable, Sendable {
  /// Files written anew and put in the place of the old one.
  public internal(set) var replacements = 0

  /// Calls that wrote bytes (`pwrite`).
  public internal(set) var writes = 0

  /// Calls that waited for the storage (`fdatasync`, `fsync`), directories included.
  public internal(set) var syncs = 0

  /// Bytes written, without what the file system adds.
  public internal(set) var bytes = 0

  /// Nothing yet.
  public init() {}
}

extension Outbox {
  /// Whether the largest entry has room, or others make room for it.
  public var hasRoom: Bool {
    dropsOldest || pendingBytes == 0
      || pendingBytes + Self.maxRecordCount <= maxBytes
  }

  /// What an entry with the longest topic and payload takes, in bytes.
  private static var maxRecordCount: Int { 1_200 }
}

public import ConstrainedCore
public import DeviceStore

/// What a directory holds of a device: its session's record, and the reports that wait.
public struct DurableState: ~Copyable {
  var store: SessionStore
  var outbox: Outbox
  /// What is on disk of the session.
  var record = SessionRecord()
  let sessionFinding: SessionFinding

  /// Reads what `directory` holds.
  ///
  /// A session under another `fingerprint` than this one (`DeviceFingerprint`) is not used.
  @inline(never)
  public init(
    _ directory: borrowing StateDirectory,
    fingerprint: FixedBytes<32>,
    outbox settings: OutboxSettings = OutboxSettings()
  ) throws(StoreError) {
    let outbox = try Outbox(directory, settings: settings)
    var store = SessionStore(directory)
    var found = SessionRecord()
    let finding = try store.load(for: fingerprint.bytes, into: &found)
    self.outbox = outbox
    self.store = store
    sessionFinding = finding
    if finding == .found { record = found }
    record.fingerprint = fingerprint
  }
}

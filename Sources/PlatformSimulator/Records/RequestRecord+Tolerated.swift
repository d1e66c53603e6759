public import PlatformCore

extension RequestRecord {
  /// The leniencies that the request has needed, in the order in which it did.
  ///
  /// A duplicate has needed none: its answer is there already.
  public var tolerated: [ToleratedForm] { notes.leniencies.entries }

  /// A line of its own for each of them.
  public var toleratedLines: [String] {
    let request = kind == .association ? "its DTLS hello" : "\(requestMethodName) \(path)"
    let parts = [peer] + (device.map { [$0] } ?? [])
    return tolerated.map { entry in
      Self.shown((parts + ["tolerated in \(request): \(entry.note)"]).joined(separator: " "))
    }
  }
}

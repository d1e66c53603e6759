// SPDX-License-Identifier: Apache-2.0
public import PlatformCore

extension RequestRecord {
  /// The leniencies that the request needed, in order.
  ///
  /// A duplicate needs none, because its response is kept.
  public var tolerated: [ToleratedForm] { notes.leniencies.entries }

  /// One line for each leniency.
  public var toleratedLines: [String] {
    let request = kind == .association ? "its DTLS hello" : "\(requestMethodName) \(path)"
    let parts = [peer] + (device.map { [$0] } ?? [])
    return tolerated.map { entry in
      Self.shown((parts + ["tolerated in \(request): \(entry.note)"]).joined(separator: " "))
    }
  }
}

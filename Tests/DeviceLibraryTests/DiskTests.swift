// SPDX-License-Identifier: Apache-2.0
import CDevice
import Foundation
import Testing

@Suite("The C library's state directory")
struct DiskTests {
  /// What `nbiot_create` says after `damage` has changed the outbox of an earlier device.
  private func create(after damage: (URL) throws -> Void) throws -> (code: Int32, number: Int32) {
    let folder = try LibraryFolder()
    #expect(folder.create(report: "{}").code == NBIOT_OK.rawValue)
    try damage(folder.url.appending(path: "outbox"))
    return folder.create()
  }

  /// Writes another version into both headers.
  private func setVersion(_ version: UInt8, of outbox: URL) throws {
    var bytes = try Data(contentsOf: outbox)
    for header in [0, 512] { bytes[header + 3] = version }
    try bytes.write(to: outbox)
  }

  @Test func `errno says why a file is refused`() throws {
    let later = try create { try setVersion(255, of: $0) }
    #expect(later == (NBIOT_DISK.rawValue, ENOTSUP))
    let earlier = try create { try setVersion(1, of: $0) }
    #expect(earlier == (NBIOT_DISK.rawValue, EPROTO))
    let long = try create { unsafe #expect(truncate($0.path, 3 << 30) == 0) }
    #expect(long == (NBIOT_DISK.rawValue, EFBIG))
    let writable = try create { unsafe #expect(chmod($0.path, 0o666) == 0) }
    #expect(writable == (NBIOT_DISK.rawValue, EPERM))
  }

  @Test func `errno is the system's where a call failed`() throws {
    let directory = try create {
      try FileManager.default.removeItem(at: $0)
      try FileManager.default.createDirectory(at: $0, withIntermediateDirectories: false)
    }
    #expect(directory.code == NBIOT_DISK.rawValue)
    #expect(directory.number == EISDIR)
  }
}

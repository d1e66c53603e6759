import ConstrainedCore
import DeviceStore
import Foundation
import TestSupport

/// A directory of its own that goes with the value.
final class Workspace {
  let path: String

  init() {
    path = FileManager.default.temporaryDirectory.path + "/device-store-\(UUID().uuidString)"
  }

  deinit {
    try? FileManager.default.removeItem(atPath: path)
  }

  func open() throws(StoreError) -> StateDirectory {
    try StateDirectory(path: Array(path.utf8).span)
  }

  func file(_ name: String) -> String { path + "/" + name }

  func bytes(_ name: String) -> [UInt8]? {
    FileManager.default.contents(atPath: file(name)).map(Array.init)
  }

  /// Puts a file with those contents in the directory, as the device makes them.
  func put(_ bytes: [UInt8], as name: String, mode: Int = 0o600) {
    if !FileManager.default.fileExists(atPath: path) {
      try? FileManager.default.createDirectory(
        atPath: path,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    }
    try? FileManager.default.removeItem(atPath: file(name))
    _ = FileManager.default.createFile(
      atPath: file(name),
      contents: Data(bytes),
      attributes: [.posixPermissions: mode]
    )
  }
}

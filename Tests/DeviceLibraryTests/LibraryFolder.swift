// SPDX-License-Identifier: Apache-2.0
import CDevice
import DeviceLibrary
import Foundation

/// A state directory for devices of the C library; removed at the end.
final class LibraryFolder {
  let url = URL.temporaryDirectory.appending(path: "nbiot-library-\(UUID().uuidString)")

  init() throws {
    try FileManager.default.createDirectory(
      at: url,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  /// Creates a device, has it accept `report`, and destroys it; the result of `nbiot_create`, and
  /// `errno` after it.
  func create(
    _ secret: [UInt8] = Array("0123456789abcdef".utf8),
    report: String? = nil
  ) -> (code: Int32, number: Int32) {
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Int(nbiot_device_size()),
      alignment: 16
    )
    defer { unsafe memory.deallocate() }
    let names: [String] = [
      "a1B2c3D4e5F", "device1", url.path, "127.0.0.1", "/a1B2c3D4e5F/device1/user/a",
    ]
    let texts: [UnsafeMutablePointer<CChar>?] = unsafe names.map { unsafe strdup($0) }
    defer { unsafe texts.forEach { unsafe free($0) } }
    var bytes = secret.map { CChar(bitPattern: $0) } + [0]
    return unsafe bytes.withUnsafeMutableBufferPointer { secret in
      var config = unsafe nbiot_config()
      unsafe config.product_key = UnsafePointer(texts[0])
      unsafe config.device_name = UnsafePointer(texts[1])
      unsafe config.state_directory = UnsafePointer(texts[2])
      unsafe config.host = UnsafePointer(texts[3])
      unsafe config.device_secret = UnsafePointer(secret.baseAddress)
      var device: OpaquePointer?
      errno = 0
      let code = unsafe nbiot_create(memory, nbiot_device_size(), &config, &device)
      let number = errno
      guard let device = unsafe device else { return (code, number) }
      if let report {
        _ = unsafe nbiot_publish(device, texts[4], report, report.utf8.count, 0, nil)
      }
      unsafe nbiot_destroy(device)
      return (code, number)
    }
  }
}

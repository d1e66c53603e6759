import CDevice
import DeviceLibrary
import Foundation
import Testing

@Suite("The C library's secret")
struct SecretTests {
  /// What `nbiot_create` says of a secret.
  private func create(_ secret: [UInt8]) throws -> Int32 {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-library-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: folder,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
    defer { try? FileManager.default.removeItem(at: folder) }
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: Int(nbiot_device_size()),
      alignment: 16
    )
    defer { unsafe memory.deallocate() }
    let names: [String] = ["a1B2c3D4e5F", "device1", folder.path, "127.0.0.1"]
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
      let code = unsafe nbiot_create(memory, nbiot_device_size(), &config, &device)
      if let device = unsafe device { unsafe nbiot_destroy(device) }
      return code
    }
  }

  @Test func `it is UTF-8, and what is around it is taken off`() throws {
    let good = Array("0123456789abcdef".utf8)
    #expect(try create(good) == 0)
    #expect(try create(Array("\u{FEFF} ".utf8) + good + Array("\u{A0}\n".utf8)) == 0)
    for bad in [[0xFF], good + [0xE2, 0x80], [], Array("\u{A0}".utf8)] as [[UInt8]] {
      #expect(try create(bad) == -1, "\(bad)")
    }
  }
}

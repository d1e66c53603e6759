internal import Foundation
internal import OpenSSLSupport

/// Where a secret comes from: a file or the environment, never an argument, which every user of the
/// machine could read.
enum Secret {
  /// Whose secret it is.
  enum Kind {
    case device, product

    var variable: String {
      switch self {
      case .device: "NBIOT_DEVICE_SECRET"
      case .product: "NBIOT_PRODUCT_SECRET"
      }
    }

    var advice: String {
      switch self {
      case .device:
        "no device secret: give --device-secret-file FILE, or set \(variable). The secret is on the "
          + "device's page in the console."
      case .product:
        "no product secret: give --product-secret-file FILE, or set \(variable). The secret is on the "
          + "product's page in the console, and dynamic registration must be on there."
      }
    }
  }

  /// The secret from `path`, else from the environment.
  static func load(path: String?, _ kind: Kind = .device) throws -> [UInt8] {
    if let path { return try read(path) }
    guard let text = ProcessInfo.processInfo.environment[kind.variable], !text.isEmpty else {
      throw Complaint(kind.advice)
    }
    guard text.utf8.count <= SecretBytes.maxCount else {
      throw Complaint("\(kind.variable) must have 1 to 128 bytes")
    }
    return Array(text.utf8)
  }

  /// Whether the environment has one.
  static func isInEnvironment(_ kind: Kind = .device) -> Bool {
    ProcessInfo.processInfo.environment[kind.variable]?.isEmpty == false
  }

  /// The first line of a file.
  static func read(_ path: String) throws -> [UInt8] {
    guard let stream = InputStream(fileAtPath: path) else {
      throw Complaint("the secret file \(path) cannot be opened")
    }
    stream.open()
    defer { stream.close() }
    var buffer = [UInt8](repeating: 0, count: 256)
    defer { erase(&buffer) }
    let count = unsafe stream.read(&buffer, maxLength: buffer.count)
    guard count >= 0 else {
      throw Complaint(
        "the secret file \(path) cannot be read: check that it exists and belongs to you"
      )
    }
    PrivateFile.warnIfReadable(path, "secret")
    let secret = Array(buffer[..<count].prefix { $0 != 0x0A && $0 != 0x0D })
    guard !secret.isEmpty, secret.count <= SecretBytes.maxCount else {
      throw Complaint(
        "the secret file \(path) must hold the secret in its first line, 1 to 128 bytes"
      )
    }
    return secret
  }

  /// Overwrites a copy of the secret that is no longer needed.
  static func erase(_ bytes: inout [UInt8]) {
    var span = bytes.mutableSpan
    wipe(&span)
  }
}

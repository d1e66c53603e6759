// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Foundation
internal import OpenSSLSupport
internal import UDPTransport

/// Loads a secret from a file or the environment, never from an argument, which every user of the
/// machine could read.
enum Secret {
  /// The owner of the secret.
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
        "no device secret: give --device-secret-file FILE, or set \(variable), or give --config FILE, which names "
          + "a file with it. The secret is on the device's page in the console."
      case .product:
        "no product secret: give --product-secret-file FILE, or set \(variable). The secret is on the "
          + "product's page in the console, and dynamic registration must be on there."
      }
    }
  }

  /// The secret from `path`, or else from the environment, or else from the file named in the
  /// configuration.
  static func load(
    path: String?,
    _ kind: Kind = .device,
    configured: Setting<String>? = nil
  ) throws -> [UInt8] {
    if let path { return try read(path) }
    CoreDumps.forbid()
    var bytes = Variable.bytes(kind.variable)
    defer { erase(&bytes) }
    guard !bytes.isEmpty else {
      if let configured { return try configured.use(read) }
      throw Complaint(kind.advice)
    }
    let source = "the variable \(kind.variable)"
    let line = bytes.span.firstLine(of: 0..<bytes.count)
    guard bytes.span.trimmed(line.upperBound..<bytes.count).isEmpty else {
      throw Complaint("\(source) has more than one line: it must hold the secret alone")
    }
    return try firstLine(of: bytes, source)
  }

  /// Whether the environment contains one.
  static func isInEnvironment(_ kind: Kind = .device) -> Bool {
    !Variable.bytes(kind.variable).isEmpty
  }

  /// The first line of a regular file.
  static func read(_ path: String) throws -> [UInt8] {
    CoreDumps.forbid()
    let path = InputText.trimmed(path)
    let (descriptor, status) = try PrivateFile.open(path, "secret file")
    defer { close(descriptor) }
    var buffer = [UInt8](repeating: 0, count: 512)
    defer { erase(&buffer) }
    let count = unsafe Foundation.read(descriptor, &buffer, buffer.count)
    guard count >= 0 else {
      throw Complaint("the secret file \(path) cannot be read: \(PrivateFile.text(errno))")
    }
    PrivateFile.warnIfReadable(path, "secret", status)
    var bytes = Array(buffer[..<count])
    defer { erase(&bytes) }
    try InputText.check(bytes, "the secret file \(path)")
    return try firstLine(of: bytes, "the secret file \(path)")
  }

  /// The secret in a text: its first line, trimmed; trimming more than a line end causes a warning.
  private static func firstLine(of bytes: [UInt8], _ source: String) throws -> [UInt8] {
    let line = bytes.span.firstLine(of: 0..<bytes.count)
    guard !line.isEmpty, line.count <= SecretBytes.maxCount else {
      throw Complaint("\(source) must hold the secret in its first line, 1 to 128 bytes")
    }
    guard String(validating: bytes[line], as: UTF8.self) != nil else {
      throw Complaint("\(source) is not UTF-8: copy the secret from the console again")
    }
    if line.lowerBound > 0 || line.upperBound < bytes.count && !bytes[line.upperBound].isLineEnd {
      Console.complain(
        "warning: \(source) has white space or a byte order mark beside the secret, which was taken off"
      )
    }
    return Array(bytes[line])
  }

  /// Wipes a copy of the secret that is no longer needed.
  static func erase(_ bytes: inout [UInt8]) {
    var span = bytes.mutableSpan
    wipe(&span)
  }
}

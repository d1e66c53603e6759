// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Glibc
internal import OpenSSLSupport
internal import Platform

/// A partly downloaded firmware in `DEST.part`; `DEST.part.info` says which firmware it is.
///
/// The info file does not contain the URL, which would allow anyone to download.
final class FirmwarePart {
  private let file: SystemFile
  private let path: String
  private let digest: FirmwareDigest
  private var running: StreamingDigest?
  private var verdict: Bool?

  /// The number of bytes downloaded.
  private(set) var count: UInt64 = 0

  /// Resumes an existing part of the same firmware, or starts a new one.
  ///
  /// The existing bytes are hashed, which takes about a second for some hundred megabytes.
  init(for destination: String, size: UInt64, digest: FirmwareDigest) throws(FirmwareDownloadError)
  {
    path = destination + ".part"
    self.digest = digest
    file = try SystemFile(path, O_RDWR | O_CREAT)
    try file.lock()
    let present = try file.ownCount()
    let info = Self.info(size, digest)
    if present > 0, present <= size, Self.readInfo(path) == info {
      try takeUp()
    } else {
      try clear()
      try writeInfo(info)
    }
  }

  private init(_ file: consuming SystemFile, _ path: String, _ digest: FirmwareDigest) {
    self.file = file
    self.path = path
    self.digest = digest
  }

  /// Whether the destination already is this firmware, complete and verified, whatever its origin.
  static func isThere(_ destination: String, size: UInt64, digest: FirmwareDigest) -> Bool {
    do throws(FirmwareDownloadError) {
      let file = try SystemFile(destination, O_RDONLY, followsLink: true)
      guard try file.count() == size else { return false }
      let whole = FirmwarePart(file, destination, digest)
      try whole.takeUp()
      return try whole.isRight()
    } catch {
      // An unreadable file is replaced.
      return false
    }
  }

  /// Appends downloaded bytes.
  func append(_ bytes: Span<UInt8>) throws(FirmwareDownloadError) {
    try file.write(bytes)
    try hash(bytes)
    count += UInt64(bytes.count)
  }

  /// Discards the downloaded bytes.
  func clear() throws(FirmwareDownloadError) {
    try file.clear()
    running = nil
    verdict = nil
    count = 0
  }

  /// Renames the complete file to its destination if the digest matches; deletes it otherwise.
  func finish(as destination: String) throws(FirmwareDownloadError) {
    guard try isRight() else {
      delete()
      throw .digest
    }
    try file.synchronize()
    try SystemFile.rename(path, to: destination)
    SystemFile.remove(path + ".info")
  }

  /// Deletes the part and its info file.
  func delete() {
    SystemFile.remove(path)
    SystemFile.remove(path + ".info")
  }

  /// Whether the digest of all downloaded bytes matches; nothing can be appended afterwards.
  func isRight() throws(FirmwareDownloadError) -> Bool {
    if let verdict { return verdict }
    let isRight = try compare()
    verdict = isRight
    return isRight
  }

  private func compare() throws(FirmwareDownloadError) -> Bool {
    let none: [UInt8] = []
    try hash(none.span)
    guard let digest = running.take() else { return false }
    let found: FixedBytes<32>
    do throws(OpenSSLError) { found = try digest.finish() } catch {
      throw .library(code: error.code)
    }
    return switch self.digest {
    case .md5(let expected): constantTimeEqual(found.bytes, expected.bytes)
    case .sha256(let expected): constantTimeEqual(found.bytes, expected.bytes)
    }
  }

  private func takeUp() throws(FirmwareDownloadError) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      let got = try file.read(into: &buffer)
      guard got > 0 else { return }
      try hash(buffer.span.extracting(first: got))
      count += UInt64(got)
    }
  }

  private func hash(_ bytes: Span<UInt8>) throws(FirmwareDownloadError) {
    do throws(OpenSSLError) {
      if running == nil {
        switch digest {
        case .md5: running = try StreamingDigest(.md5)
        case .sha256: running = try StreamingDigest(.sha256)
        }
      }
      try running?.update(bytes)
    } catch {
      throw .library(code: error.code)
    }
  }

  // MARK: - Identifying the firmware

  private static func info(_ size: UInt64, _ digest: FirmwareDigest) -> [UInt8] {
    var digits = FixedBytes<64>()
    digits.write { (writer: inout ByteWriter) in try? digest.writeHexadecimal(into: &writer) }
    let text = digits.bytes.indices.map { digits.bytes[$0] }
    return Array("nbiot firmware 1 \(String(decoding: text, as: UTF8.self)) \(size)\n".utf8)
  }

  /// The content of the info file; empty if it cannot be read.
  private static func readInfo(_ path: String) -> [UInt8] {
    do throws(FirmwareDownloadError) {
      let file = try SystemFile(path + ".info", O_RDONLY)
      guard try file.ownCount() <= 256 else { return [] }
      var buffer = [UInt8](repeating: 0, count: 256)
      let count = try file.read(into: &buffer)
      return Array(buffer[..<count])
    } catch {
      return []
    }
  }

  private func writeInfo(_ info: [UInt8]) throws(FirmwareDownloadError) {
    let file = try SystemFile(path + ".info", O_RDWR | O_CREAT)
    _ = try file.ownCount()
    try file.clear()
    try file.write(info.span)
    try file.synchronize()
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import Foundation
internal import TestSupport

/// https_peer.py in a process and a folder of its own.
package final class HTTPSPeer {
  /// Its port on 127.0.0.1.
  package let port: UInt16
  /// The authority that its certificate comes from, in PEM; the server's may be another's.
  package let authorities: [UInt8]
  /// The file of that authority.
  package var authorityFile: String { folder.appending(path: "ca.pem").path }
  private let folder: URL
  private let process = Process()
  private let input = Pipe.ofChild()

  /// A request as the server has seen it.
  package struct Request: Decodable {
    package let method: String
    package let path: String
    package let version: String
    package let fields: [String: String]
    package let size: Int
    package let digest: String
    package let connection: Int
    package let resumed: Bool
    package let tls: String
    package let text: String
    /// How it was answered: `good`, or the way in which that went wrong.
    package let kind: String
  }

  /// Starts a server with the certificate of that name; `isOld` speaks TLS 1.1 alone.
  package init(certificate: String = "good", isOld: Bool = false) throws {
    let name = "nbiot-https-peer-\(UUID().uuidString)"
    folder = URL.temporaryDirectory.appending(path: name)
    try FileManager.default.copyItem(at: Certificates.directory(), to: folder)
    authorities = try [UInt8](Data(contentsOf: folder.appending(path: "ca.pem")))
    let output = Pipe.ofChild()
    guard let script = Bundle.module.url(forResource: "https_peer", withExtension: "py") else {
      throw HTTPSPeerError(description: "https_peer.py is missing")
    }
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", script.path, folder.path, certificate] + (isOld ? ["old"] : [])
    process.standardInput = input
    process.standardOutput = output
    try process.start()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = UInt16(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw HTTPSPeerError(description: "https_peer.py does not start")
    }
    self.port = port
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  /// What it was asked for.
  package func requests() throws -> [Request] {
    guard let log = try? Data(contentsOf: folder.appending(path: "requests.log")) else { return [] }
    return try log.split(separator: UInt8(ascii: "\n")).map {
      try JSONDecoder().decode(Request.self, from: $0)
    }
  }
}

/// Why there is no server.
package struct HTTPSPeerError: Error, CustomStringConvertible {
  package let description: String
}

/// Certificates generated for this run, by the script of the tests of downloads.
private enum Certificates {
  private static let made = Result { try make() }

  static func directory() throws -> URL { try made.get() }

  private static func make() throws -> URL {
    let folder = URL.temporaryDirectory.appending(path: "nbiot-https-peers-\(getpid())")
    try? FileManager.default.removeItem(at: folder)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    atexit {
      let name = "nbiot-https-peers-\(getpid())"
      try? FileManager.default.removeItem(at: URL.temporaryDirectory.appending(path: name))
    }
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let script = tests.appending(path: "HTTPSTransferTests/certificates.sh")
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["bash", script.path, folder.path]
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.start()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw HTTPSPeerError(description: "certificates.sh failed")
    }
    return folder
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport

/// Certificates of the run's own, made by certificates.sh in a temporary directory.
enum Certificates {
  /// Where they are, or why not.
  private static let made = Result { try make() }

  static func directory() throws -> URL { try made.get() }

  static func path(_ name: String) throws -> String {
    try directory().appending(path: name).path
  }

  static func text(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: directory().appending(path: name)))
  }

  /// Makes "brief", whose time is over in so many seconds, in a directory of its own.
  static func makeBrief(seconds: Int) throws -> URL {
    let copy = URL.temporaryDirectory.appending(path: "nbiot-brief-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: copy, withIntermediateDirectories: true)
    for name in ["ca.crt", "ca.key"] {
      try FileManager.default.copyItem(
        at: directory().appending(path: name),
        to: copy.appending(path: name)
      )
    }
    try script([copy.path, "brief", "\(seconds)"])
    return copy
  }

  private static func make() throws -> URL {
    let url = URL.temporaryDirectory.appending(path: "nbiot-certificates-\(getpid())")
    try? FileManager.default.removeItem(at: url)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    atexit {
      let path = "nbiot-certificates-\(getpid())"
      try? FileManager.default.removeItem(at: URL.temporaryDirectory.appending(path: path))
    }
    try script([url.path])
    return url
  }

  private static func script(_ arguments: [String]) throws {
    let process = Process()
    process.executableURL = PeerSetUp.tests.appending(path: "DTLS/certificates.sh")
    process.arguments = arguments
    let log = try PeerSetUp.log("certificates-\(arguments.count)")
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = log
    process.standardError = log
    try process.start()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw PeerError(description: "certificates.sh failed: see its log in .build-peers/logs")
    }
  }
}

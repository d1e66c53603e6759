// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Why the server could not be started.
struct ServerError: Error, CustomStringConvertible {
  let description: String
}

/// https_server.py in its own process and directory for one test.
final class HTTPSServer {
  static let productSecret = "product secret of the tests"
  static let deviceSecret = "0123456789abcdef0123456789abcdef"

  let folder: URL
  let firmware: [UInt8]
  private let port: Int
  private let process = Process()
  private let input = Pipe.ofChild()

  /// Starts a server with the certificate of that name.
  ///
  /// If the tools for it are missing, the test is cancelled, or fails under NBIOT_REQUIRE_PEERS=1.
  init(certificate: String = "good", firmwareCount: Int = 300_001) throws {
    folder = try Self.makeFolder()
    firmware = (0..<firmwareCount).map { UInt8(truncatingIfNeeded: ($0 &* 2_654_435_761) >> 13) }
    try Data(firmware).write(to: folder.appending(path: "firmware.bin"))
    let output = Pipe.ofChild()
    let script = try #require(Bundle.module.url(forResource: "https_server", withExtension: "py"))
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = ["python3", script.path, folder.path, certificate]
    process.standardInput = input
    process.standardOutput = output
    try process.start()
    let line = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = Int(line.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      throw ServerError(description: "https_server.py does not start")
    }
    self.port = port
  }

  deinit {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
    try? FileManager.default.removeItem(at: folder)
  }

  private static func makeFolder() throws -> URL {
    do {
      let folder = URL.temporaryDirectory.appending(path: "nbiot-https-\(UUID().uuidString)")
      try FileManager.default.copyItem(at: Certificates.directory(), to: folder)
      return folder
    } catch {
      if ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] == "1" { throw error }
      print("skipped: \(Test.current?.displayName ?? "a test"): \(error)")
      try Test.cancel("skipped: \(error)")
    }
  }

  /// A URL of the server; the path determines its behaviour.
  func url(_ path: String, host: String = "127.0.0.1") -> String {
    "https://\(host):\(port)/\(path)"
  }

  /// The path of a file in the test's directory.
  func path(_ name: String) -> String { folder.appending(path: name).path }

  /// The bytes of a file in the directory; `nil` if it does not exist.
  func contents(_ name: String) -> [UInt8]? {
    (try? Data(contentsOf: folder.appending(path: name))).map { [UInt8]($0) }
  }

  /// The access mode of a file in the directory.
  func mode(_ name: String) throws -> Int {
    let attributes = try FileManager.default.attributesOfItem(atPath: path(name))
    return attributes[.posixPermissions] as? Int ?? -1
  }

  /// The requests received, one per line with its Range field.
  func requests() -> [String] {
    String(decoding: contents("requests.log") ?? [], as: UTF8.self)
      .split(separator: "\n").map(String.init)
  }

  /// A digest of the firmware in hexadecimal, computed by `openssl`.
  func digest(_ name: String) throws -> String {
    let run = try Self.run(["openssl", "dgst", "-\(name)", "-r", path("firmware.bin")])
    return String(run.prefix { $0 != " " })
  }

  @discardableResult
  static func run(_ arguments: [String]) throws -> String {
    let process = Process()
    let output = Pipe.ofChild()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.start()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw ServerError(description: "\(arguments.joined(separator: " ")) failed")
    }
    return String(decoding: data, as: UTF8.self)
  }
}

/// Certificates generated for this run.
private enum Certificates {
  private static let made = Result { try make() }

  static func directory() throws -> URL { try made.get() }

  private static func make() throws -> URL {
    try HTTPSServer.run(["python3", "-c", "import ssl, http.server"])
    let folder = URL.temporaryDirectory.appending(path: "nbiot-https-certificates-\(getpid())")
    try? FileManager.default.removeItem(at: folder)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    atexit {
      let name = "nbiot-https-certificates-\(getpid())"
      try? FileManager.default.removeItem(at: URL.temporaryDirectory.appending(path: name))
    }
    let script = URL(filePath: #filePath).deletingLastPathComponent()
    try HTTPSServer.run([script.appending(path: "certificates.sh").path, folder.path])
    return folder
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Compiles programs as another package does: against the modules of this build, without what is visible
/// within the package alone.
struct Compiler {
  let scratch: Scratch

  /// The modules of the products that the snippets use, with those below them.
  static let modules = [
    "ConstrainedCore", "TrafficLedger", "StreamTraffic", "CoAPMessage", "PayloadCoding",
    "SecurityLayer",
    "CoAPExchange", "Platform",
    "PlatformCoAP", "PlatformMQTT", "PlatformHTTPS",
    "Alink", "OpenSSLSupport", "SymmetricSecurity", "DTLSSecurity", "EitherSecurity", "CBORPayload",
    "PlatformCredentials", "SystemClocks", "UDPTransport", "DeviceStore", "ReportLink", "CoAPLink",
    "DurableReports", "DeviceDriver", "DeviceClient", "HTTPSTransfer", "DeviceLibrary",
    "MQTTLayer", "MQTTLink", "MQTTChannel", "MQTTAuthentication", "DeviceDownlinks", "HTTPSLayer",
    "HTTPSLink",
    "HTTPSChannel", "GatewaySessions", "GatewayLink",
  ]

  func swift(_ program: String, to name: String) throws {
    let folder = "\(name)-sources"
    try FileManager.default.createDirectory(
      at: scratch.url.appending(path: folder),
      withIntermediateDirectories: true
    )
    // Only a file of this name is a program by its statements.
    try scratch.write(program, to: "\(folder)/main.swift")
    try link("\(folder)/main.swift", to: name)
  }

  /// One of the C library's three archives.
  enum Transport: String {
    case coap = "CoAP"
    case mqtt = "MQTT"
    case https = "HTTPS"
  }

  /// The C libraries over MQTT and HTTPS have the functions of the one over CoAP, and are no part of the tests: their
  /// archives are.
  func c(_ program: String, to name: String, over transport: Transport = .coap) throws {
    try scratch.write(program, to: "\(name).c")
    let headers = Place.repository.appending(path: "Sources/CDevice").path
    let compiled = try scratch.run([
      "clang", "-std=c11", "-Wall", "-Wextra", "-Werror", "-D_DEFAULT_SOURCE", "-I", headers, "-c",
      "-o", "\(name).o", "\(name).c",
    ])
    try #require(compiled.status == 0, "\(compiled.errors)\(program)")
    let library: String
    switch transport {
    case .coap: return try link("\(name).o", to: name)
    case .mqtt: library = "-lpaho-mqtt3as"
    case .https: library = "-lcurl"
    }
    let suffix = transport.rawValue.lowercased()
    let archive = Place.build.appending(path: "libnbiot-device-\(suffix).a").path
    let run = try scratch.run([
      "swiftc", "-o", name, "\(name).o", archive, "-lssl", "-lcrypto", library,
    ])
    try #require(run.status == 0, "\(run.errors)")
  }

  /// An archive of the C library over CoAP, made of the tests' own objects.
  func archive(_ name: String) throws {
    let run = try scratch.run(["ar", "rcs", name] + objects())
    try #require(run.status == 0, "\(run.errors)")
  }

  private func link(_ file: String, to name: String) throws {
    var arguments = ["swiftc", "-swift-version", "6", "-o", name, file]
    arguments += ["-I", Place.build.appending(path: "Modules").path]
    let sources = Place.repository.appending(path: "Sources")
    for module in try FileManager.default.contentsOfDirectory(atPath: sources.path) {
      let map = sources.appending(path: "\(module)/module.modulemap").path
      guard FileManager.default.fileExists(atPath: map) else { continue }
      arguments += ["-Xcc", "-fmodule-map-file=\(map)"]
    }
    let run = try scratch.run(
      arguments + objects() + ["-lssl", "-lcrypto", "-lcbor", "-lcurl", "-lpaho-mqtt3as"]
    )
    try #require(run.status == 0, "\(run.errors)")
  }

  private func objects() throws -> [String] {
    // A folder of objects may hold those of a file that is gone: the list of the linker does not.
    let list = Place.build.appending(path: "nbiot-coapPackageTests.product/Objects.LinkFileList")
    let objects = try String(contentsOf: list, encoding: .utf8).split(separator: "\n")
      .map { $0.trimmingCharacters(in: CharacterSet(charactersIn: "'\"")) }
    return try Self.modules.flatMap { module in
      let own = objects.filter { $0.contains("/\(module).build/") }
      try #require(!own.isEmpty, "\(module) is not among the objects of the tests")
      return own
    }
  }
}

@Suite("The snippets of docs/ and nbiot_device.h, compiled and run", .timeLimit(.minutes(10)))
struct CompiledSnippetTests {
  private static let pair = "a1B2c3D4e5F,device1,secret.txt"

  private func simulator(_ options: [String] = [], in scratch: Scratch) throws -> RunningSimulator {
    try scratch.write(Scratch.secret + "\n", to: "secret.txt")
    return try RunningSimulator(
      ["nbiot", "simulate", "--port", "0", "--device", Self.pair] + options,
      in: scratch
    )
  }

  /// Those behind the first go on where it ends, as a reader would: their imports go to the start, and each
  /// has names of its own.
  private func clientProgram(
    _ snippets: [Snippet],
    port: UInt16,
    authorities: String
  ) throws -> String {
    var imports: [Substring] = []
    var bodies: [String] = []
    for snippet in snippets {
      imports += snippet.lines.filter { $0.hasPrefix("import ") }
      bodies.append(snippet.lines.filter { !$0.hasPrefix("import ") }.joined(separator: "\n"))
    }
    let close = "await client.close()"
    let configuration = #"deviceName: "device1")"#
    let first = try bodies.removeFirst().replacingAll(close, by: "")
      .replacingAll(
        configuration,
        by: configuration.dropLast() + ", host: \"127.0.0.1\", port: \(port))"
      )
    let rest = try bodies.map { "do {\n\($0)\n}" }.joined(separator: "\n").replacingAll(
      #"{ HTTPSFirmwareDownloader(to: "firmware.bin") }"#,
      by: """
        {
          var downloader = HTTPSFirmwareDownloader(to: "firmware.bin")
          downloader.settings.authorities = authorities
          return downloader
        }
        """
    )
    return imports.joined(separator: "\n") + """

      let secret = Array("\(Scratch.secret)".utf8)
      let authorities = Array(\"\"\"
      \(authorities)
      \"\"\".utf8)
      \(first)
      \(rest)
      \(close)

      """
  }

  @Test func `the client's publish, asks, posts a batch and upgrades`() throws {
    let snippets = try Place.page("docs/swift.md").filter {
      $0.language == "swift" && !$0.text.contains("import PackageDescription")
    }
    #expect(snippets.count >= 4)
    let scratch = try Scratch()
    let server = try FirmwareServer(in: scratch)
    let simulator = try simulator(
      [
        "--firmware-version", "2.0.0", "--firmware-file", "app.bin", "--firmware-url",
        server.address,
      ],
      in: scratch
    )
    let authorities = String(decoding: try #require(scratch.contents("ca.pem")), as: UTF8.self)
    let program = try clientProgram(snippets, port: simulator.port, authorities: authorities)
    try Compiler(scratch: scratch).swift(program, to: "client")
    let run = try scratch.run(["./client"])
    #expect(run.status == 0, "\(run.errors)")
    // `print(answer.code == .success)`.
    #expect(run.output.contains("true\n"))
    #expect(scratch.contents("firmware.bin") == scratch.contents("app.bin"))
    let log = try simulator.stop()
    for path in ["user/update", "thing/event/property/post", "ota/device/progress"] {
      #expect(log.contains(path), "\(path)")
    }
    #expect(!log.contains("-> 4."))
  }

  @Test func `a package finds the product that the manifest names`() throws {
    let manifest = try #require(
      try Place.page("docs/swift.md").first { $0.text.contains("import PackageDescription") }
    )
    let scratch = try Scratch()
    let files = FileManager.default
    try files.createDirectory(
      at: scratch.url.appending(path: "sensor/Sources/sensor"),
      withIntermediateDirectories: true
    )
    try files.createSymbolicLink(
      at: scratch.url.appending(path: "nbiot-coap"),
      withDestinationURL: Place.repository
    )
    try scratch.write("import DeviceClient\n", to: "sensor/Sources/sensor/main.swift")
    try scratch.write(manifest.text, to: "sensor/Package.swift")
    // Loads the manifests of both, and looks for the product.
    let run = try scratch.run(["swift", "package", "--package-path", "sensor", "show-dependencies"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output.contains("nbiot-coap<"), "\(run.output)")
  }

  @Test func `CoAPExchange asks any server`() throws {
    let snippet = try #require(
      try Place.page("docs/coap.md").first { $0.language == "swift" }
    )
    let scratch = try Scratch()
    let server = try TimeServer()
    defer { server.stop() }
    let program =
      snippet.text + """

        if let answer = try time(at: "127.0.0.1", port: \(server.port)) {
          print(String(decoding: answer, as: UTF8.self))
        }
        """
    try Compiler(scratch: scratch).swift(program, to: "ask")
    let run = try scratch.run(["./ask"])
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.output == TimeServer.time + "\n")
  }

  @Test(arguments: ["docs/c.md", "Sources/CDevice/nbiot_device.h"])
  func `the C library's delivers, and ends by itself`(file: String) throws {
    let page = try Place.contents(file)
    let snippets =
      file.hasSuffix(".md")
      ? Snippet.fenced(in: page).filter { $0.language == "c" }.map(\.text)
      : [Snippet.leading(in: page)]
    #expect(!snippets.isEmpty)
    for snippet in snippets {
      let scratch = try Scratch()
      let simulator = try simulator(in: scratch)
      let anchor = "config.device_secret = secret;"
      let address = #" config.host = "127.0.0.1"; config.port = \#(simulator.port);"#
      let program = """
        #include <poll.h>
        #include <stdio.h>
        #include <stdlib.h>
        #include "nbiot_device.h"

        int main(void) {
          const char *secret = "\(Scratch.secret)";
        \(try snippet.replacingAll(anchor, by: anchor + address))
          return 0;
        }

        """
      try Compiler(scratch: scratch).c(program, to: "device")
      // A loop that does not end is killed after two minutes, with status 9.
      let run = try scratch.run(["./device"])
      #expect(run.status == 0, "\(run.errors)")
      #expect(run.output == "delivered, 205\n")
      #expect(try simulator.stop().contains(#"user/update seq 2 {"value":1} -> 2.05"#))
    }
  }
}

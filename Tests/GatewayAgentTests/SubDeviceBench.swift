// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// Sub-devices with their secrets in a folder, and a simulator that knows them.
class SubDeviceBench {
  static let product = "a1subsubsub"
  let files: URL

  init() throws {
    files = URL.temporaryDirectory.appending(path: "nbiot-sub-devices-\(UUID().uuidString)")
    try FileManager.default.createDirectory(
      at: files,
      withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700]
    )
  }

  deinit { try? FileManager.default.removeItem(at: files) }

  func secret(_ name: String, in folder: URL? = nil) throws -> String {
    let file = (folder ?? files).appending(path: "\(Self.product),\(name)")
    try writeSecret("\(name)-0123456789abcdef\n", to: file)
    return file.path
  }

  /// A simulator with sub-devices of those names, of which `added` are in the gateway's topology.
  func world(_ names: [String], added: [String]? = nil, _ lines: [String]) throws -> World {
    let options = try names.flatMap { ["--sub-device", "\(Self.product),\($0),\(try secret($0))"] }
    let world = try World("mqtts", hasHTTPS: false, options)
    for name in added ?? names { try add(name, in: world) }
    try world.configure(["retry = 1", "retry-limit = 1"] + lines)
    return world
  }

  func add(_ name: String, in world: World) throws {
    let port = try world.simulator.capture(/port ([0-9]+)/)
    let call = try Program(
      "nbiot",
      [
        "call", "thing.topo.add",
        #"[{"productKey":"\#(Self.product)","deviceName":"\#(name)"}]"#, "--endpoint",
        "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F", "--device-name", "device1",
        "--device-secret-file",
        world.folder.appending(path: "secret.txt").path, "--sub-device-secret-file",
        try secret(name),
      ]
    )
    call.wait()
    #expect(call.status == 0, "\(call.output)\(call.log)")
  }

  func end(_ agent: Program) {
    agent.signal(SIGTERM)
    agent.wait()
  }

  /// The lines of the simulator about messages of that topic, which it has acknowledged.
  func arrivals(_ world: World, _ topic: String) -> [String] {
    world.simulator.lines.compactMap {
      guard let match = $0.firstMatch(of: /PUBLISH (\/\S+) qos 1 (\{.*\}) -> PUBACK/) else {
        return nil
      }
      return match.1 == topic ? String(match.2) : nil
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc

/// mosquitto and its plugin, as they are found on this machine.
struct BrokerInstallation: Sendable {
  let mosquitto: String
  let plugin: String
  /// Such as 2.0.11.
  let version: String

  /// Looks for both; throws what to install where one is missing.
  ///
  /// Runs mosquitto once for its version.
  static func find(plugin given: String?) throws -> BrokerInstallation {
    guard let mosquitto = executable() else {
      throw BrokerError(
        "MQTT needs mosquitto, which is not installed: run `make deps-broker`, or on Debian: "
          + "apt-get install mosquitto (its service is not needed)"
      )
    }
    let version = try version(of: mosquitto)
    guard version.hasPrefix("2.") else {
      throw BrokerError("\(mosquitto) is version \(version): 2.0 or later is needed")
    }
    let plugin = try plugin(given)
    return BrokerInstallation(mosquitto: mosquitto, plugin: plugin, version: version)
  }

  private static func executable() -> String? {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    // Where Debian has it, which is not in everybody's PATH.
    let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin"]
    return folders.filter { $0.hasPrefix("/") }.map { "\($0)/mosquitto" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private static func version(of mosquitto: String) throws -> String {
    guard let process = try? ChildProcess(mosquitto, ["-h"], reading: .standardOutput) else {
      throw BrokerError("\(mosquitto) cannot be run")
    }
    let text = process.finish().printed
    let words = String(decoding: text, as: UTF8.self).split(whereSeparator: \.isWhitespace)
    guard words.starts(with: ["mosquitto", "version"]), words.count > 2 else {
      throw BrokerError("\(mosquitto) does not say its version: is it mosquitto?")
    }
    return String(words[2])
  }

  /// The plugin's file: what is given, else beside the program, else in the library directory of an installation.
  private static func plugin(_ given: String?) throws -> String {
    let name = "libnbiot-broker.so"
    let program =
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    let folder = URL(filePath: program).deletingLastPathComponent()
    let places =
      given.map { [URL(filePath: $0)] } ?? [
        folder.appending(path: name),
        folder.appending(path: "../lib/nbiot/\(name)").standardizedFileURL,
        folder.appending(path: "../lib/\(name)").standardizedFileURL,
      ]
    guard let found = places.first(where: { FileManager.default.isReadableFile(atPath: $0.path) })
    else {
      throw BrokerError(
        "MQTT needs the plugin \(name), which is not at \(places.map(\.path).joined(separator: ", ")): "
          + "run `make broker`, which needs mosquitto-dev"
      )
    }
    guard !found.path.contains("\n") else {
      throw BrokerError("the path of the plugin has more than one line")
    }
    let bytes = (try? Data(contentsOf: found)) ?? Data()
    guard bytes.firstRange(of: Data("mosquitto_plugin_init".utf8)) != nil else {
      throw BrokerError(
        "\(found.path) was built without mosquitto-dev: run `make broker`, which installs and builds it"
      )
    }
    return found.path
  }
}

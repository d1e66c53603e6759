// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import PlatformConsole
internal import PlatformCore
internal import PlatformSimulator
internal import PlatformWebServer

/// The simulator's HTTPS side.
struct WebServingOptions: ParsableArguments {
  @Option(
    help: "The port for HTTPS, with --certificates; 0 takes any free one and prints it."
  )
  var https: Int?

  @Option(
    help: ArgumentHelp(
      "The name or address by which devices reach it, for the URLs of files (default: the one of --host).",
      valueName: "name"
    )
  )
  var httpsName: String?

  func validate() throws {
    guard (0...65_535).contains(https ?? 0) else {
      throw ValidationError("--https is 0 to 65535")
    }
    try Contradiction.check(
      [("--https-name", httpsName != nil && https == nil)],
      belongTo: "HTTPS",
      give: "--https"
    )
    if let httpsName {
      guard !httpsName.isEmpty, httpsName.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
        !httpsName.contains("/")
      else { throw ValidationError("--https-name is a host's name or address") }
    }
  }

  /// Starts the HTTPS side if there is to be one, and tells the platform the URLs of what it serves.
  func start(
    host: String,
    _ certificate: CertificateFiles,
    _ files: HostedFiles,
    _ assumptions: WebAssumptions,
    beside server: SimulatorServer,
    keys: Set<String>,
    log: OutputArgument,
    _ book: ConsoleBook? = nil
  ) async throws -> ServedWeb? {
    guard let https else { return nil }
    var settings = WebSettings { Clock.millisecondsSince1970() }
    settings.host = host
    settings.port = https
    settings.certificate = certificate.certificate
    settings.key = certificate.key
    settings.assumptions = assumptions
    settings.files = files.all
    let web: WebServer
    do {
      web = try await WebServer.start(settings, beside: server) { record in
        var record = record
        record.note += record.topicRemedies.hint(record.device, keys)
        record.print(as: log)
        book?.note(record)
      }
    } catch let error as WebError {
      throw Complaint(error.reason)
    }
    let name = httpsName ?? CertificateFiles.name(ofServerOn: host)
    let address = WebAddress(host: name, port: web.port)
    try await server.withThings { files.offer(&$0, at: address) }
    return ServedWeb(server: web, name: name)
  }
}

/// The HTTPS side while it runs.
struct ServedWeb {
  let server: WebServer
  /// The name by which devices reach it.
  let name: String
}

/// The files of products that the HTTPS side serves, because no URL was given for them.
struct HostedFiles: Sendable {
  private var firmware: [(key: String, firmware: SimulatedFirmware, file: WebFile)] = []
  private var configurations: [(key: String, description: RemoteFile, file: WebFile)] = []

  /// All of them.
  var all: [WebFile] { firmware.map(\.file) + configurations.map(\.file) }

  /// Adds a product's firmware.
  mutating func add(_ firmware: SimulatedFirmware, _ file: String, of key: String) {
    let file = WebFile(productKey: key, name: "firmware", file: file)
    self.firmware.append((key, firmware, file))
  }

  /// Adds a product's configuration.
  mutating func add(_ description: RemoteFile, _ file: String, of key: String) {
    let file = WebFile(productKey: key, name: "configuration", file: file)
    configurations.append((key, description, file))
  }

  /// Puts them on the products' pages, with their URLs on a server.
  func offer(_ things: inout SimulatedThings, at address: WebAddress) {
    for (key, firmware, file) in firmware {
      var firmware = firmware
      firmware.url = file.url(address)
      things.setFirmware(firmware, productKey: key)
    }
    for (key, description, file) in configurations {
      var description = description
      description.url = file.url(address)
      things.setRemoteConfiguration(.file(description), productKey: key)
    }
  }
}

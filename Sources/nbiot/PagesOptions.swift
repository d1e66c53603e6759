// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Glibc
internal import PlatformConsole
internal import PlatformCore
internal import PlatformSimulator

/// Where the pages of the console are served.
struct PagesOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      """
      Serve pages to watch the devices, send to them and click faults, with a browser at http://ADDRESS:PORT; for an \
      address that other machines reach they ask for a token, which is printed once.
      """,
      valueName: "[address:]port"
    )
  )
  var console: String?

  func validate() throws { _ = try settings() }

  /// Whether they are wanted.
  var isGiven: Bool { console != nil }

  /// An empty book about the platform's devices; `nil` where there are to be no pages.
  func book(of configuration: SimulatorConfiguration) -> ConsoleBook? {
    guard isGiven else { return nil }
    let registrable = configuration.products.flatMap { product in
      product.registrable.map { (product.key, $0) }
    }
    let subDevices = configuration.subDevices.map { ($0.productKey, $0.deviceName) }
    return ConsoleBook(
      configuration.devices.map { ($0.productKey, $0.deviceName) } + registrable + subDevices
    )
  }

  /// Serves the book's pages.
  func serve(
    _ book: ConsoleBook,
    _ platform: any ConsolePlatform
  ) async throws -> ServedPages {
    let settings = try settings() ?? ConsoleSettings()
    let server: ConsoleServer
    do {
      server = try await ConsoleServer.start(settings, book, platform)
    } catch let error as ConsoleError {
      throw Complaint(error.reason)
    }
    let host = settings.host.contains(":") ? "[\(settings.host)]" : settings.host
    return ServedPages(
      server: server,
      url: "http://\(host):\(server.port)",
      token: settings.token
    )
  }

  /// Whether it is an address of IPv4 or IPv6 in digits: a name could lead to an address that others reach.
  private static func isAddress(_ text: String) -> Bool {
    var room = in6_addr()
    // SAFETY: the text ends with a zero byte, and an IPv6 address is the longer of the two.
    return unsafe inet_pton(AF_INET, text, &room) == 1 || inet_pton(AF_INET6, text, &room) == 1
  }

  private func settings() throws -> ConsoleSettings? {
    guard let console else { return nil }
    var settings = ConsoleSettings()
    var digits = console[...]
    if let colon = console.lastIndex(of: ":") {
      digits = console[console.index(after: colon)...]
      var host = console[..<colon]
      if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
      settings.host = host == "localhost" ? "127.0.0.1" : String(host)
    }
    guard let port = UInt16(digits), Self.isAddress(settings.host) else {
      throw ValidationError(
        "--console \(console): it is a port, or an address in digits and a port such as 127.0.0.1:8080"
      )
    }
    settings.port = Int(port)
    if !settings.isLoopback { settings.token = ConsoleServer.makeToken() }
    return settings
  }
}

/// The pages while they are served.
struct ServedPages {
  let server: ConsoleServer
  let url: String
  /// What whoever looks must know; `nil` for none.
  let token: String?

  /// Where they are, in words.
  var line: String { "console at \(url)" + (token.map { ", token \($0)" } ?? "") }

  /// The same in the form of a log.
  func line(_ log: OutputArgument) -> String {
    guard log == .json else { return line }
    return #"{"console":"\#(url)","token":\#(token.map { "\"\($0)\"" } ?? "null")}"#
  }
}

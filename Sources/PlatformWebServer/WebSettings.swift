// SPDX-License-Identifier: Apache-2.0
/// Where the simulated platform's HTTPS side listens, and how it behaves.
public struct WebSettings: Sendable {
  /// The address to listen on, in digits.
  public var host = "127.0.0.1"
  /// The port; 0 for any free one.
  public var port = 0
  /// The certificate, with those between it and its authority, in PEM.
  public var certificate: [UInt8] = []
  /// Its private key, in PEM.
  public var key: [UInt8] = []
  /// What only the cloud could tell.
  public var assumptions = WebAssumptions()
  /// The limits of a connection.
  public var limits = WebLimits()
  /// The files that devices may download.
  public var files: [WebFile] = []
  /// The calendar's time in milliseconds since 1970, for timestamps and the field Date.
  public var calendar: @Sendable () -> UInt64

  /// Listens on any free port of this machine alone.
  public init(calendar: @escaping @Sendable () -> UInt64) {
    self.calendar = calendar
  }
}

/// A server's address, as devices are told of it.
public struct WebAddress: Sendable, Equatable {
  /// The host's name or address.
  public var host: String
  /// The port.
  public var port: Int

  /// The address of a host.
  public init(host: String, port: Int) {
    self.host = host
    self.port = port
  }
}

/// What a client may cost the HTTPS side.
public struct WebLimits: Sendable, Equatable {
  /// The number of connections; further ones are closed at once.
  public var connections = 128
  /// The bytes of a request's head.
  public var head = 16_384
  /// How long the handshake and the head of a request may take, in milliseconds.
  public var headPatience: Int64 = 10_000
  /// How long a body may take in milliseconds, beside a second for each 512 bytes that have come.
  public var bodyPatience: Int64 = 20_000
  /// How long a connection may wait for its next request, in milliseconds.
  public var idle: Int64 = 60_000
  /// How long the client may take for 64 KB of an answer, in milliseconds.
  public var writePatience: Int64 = 60_000

  /// The limits that hold unless others are set.
  public init() {}
}

/// A file that devices download, such as a firmware.
public struct WebFile: Sendable {
  /// Its path in the URL, beginning with a slash.
  public let path: String
  /// Where it is on this machine.
  public let file: String

  /// A firmware or a configuration of a product, under a path made of its names.
  public init(productKey: String, name: String, file: String) {
    path = "/files/" + PercentCoding.encode(productKey) + "/" + PercentCoding.encode(name)
    self.file = file
  }

  /// Its URL on a server.
  public func url(_ address: WebAddress) -> String {
    let host = address.host.contains(":") ? "[\(address.host)]" : address.host
    return "https://\(host):\(address.port)\(path)"
  }
}

/// Why the HTTPS side does not run, in words.
public struct WebError: Error, Equatable, Sendable {
  /// What is wrong, and what to do.
  public let reason: String

  init(_ reason: String) { self.reason = reason }
}

// SPDX-License-Identifier: Apache-2.0
/// Where the console's pages are served, and what they may cost.
public struct ConsoleSettings: Sendable {
  /// The address to listen on, in digits.
  public var host = "127.0.0.1"
  /// The port; 0 for any free one.
  public var port = 0
  /// What whoever looks must know; `nil` for none, which is for addresses of this machine alone.
  public var token: String?
  /// The limits of connections.
  public var limits = ConsoleLimits()

  /// Listens on any free port of this machine alone.
  public init() {}

  /// Whether other machines cannot reach the address.
  public var isLoopback: Bool { host.hasPrefix("127.") || host == "::1" }
}

/// What a reader of the pages may cost.
public struct ConsoleLimits: Sendable, Equatable {
  /// The number of connections; beyond it the oldest that has asked for nothing is closed, or else the new one.
  public var connections = 64
  /// How many of them may follow the devices live.
  public var streams = 16
  /// How long one of these keeps its place without a word that it has read what it was sent, once another one wants
  /// to follow and there is no place left, in milliseconds.
  public var streamPatience: Int64 = 60_000
  /// How many logins there are; one more ends the oldest.
  public var sessions = 64
  /// The bytes of a request's head.
  public var head = 16_384
  /// The bytes of a request's body.
  public var body = 16_384
  /// How long a request, or the wait for the next one, may take, in milliseconds.
  public var patience: Int64 = 30_000
  /// How long a reader that takes nothing is kept, in milliseconds.
  public var writePatience: Int64 = 30_000
  /// How often changes are sent, in milliseconds.
  public var tick: Int64 = 250
  /// How many devices are sent at once.
  public var rows = 500

  /// The limits that hold unless others are set.
  public init() {}
}

/// Why the console does not run, in words.
public struct ConsoleError: Error, Equatable, Sendable {
  /// What is wrong, and what to do.
  public let reason: String
}

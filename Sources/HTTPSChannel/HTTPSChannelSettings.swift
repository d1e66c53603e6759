// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore

/// How a channel reaches its server, and how much it takes of an answer.
public struct HTTPSChannelSettings: Sendable {
  /// The server's name, or its address in digits, up to 255 bytes.
  public var host = FixedBytes<255>()
  /// The server's port.
  public var port: UInt16
  /// How long name, TCP and TLS may take together.
  public var connectTimeout = Milliseconds(30_000)
  /// The longest head, and the longest body, of an answer in bytes.
  public var answerLimit = 65_536
  /// How long an idle connection is used again, in seconds; later a new one resumes its TLS session.
  public var idleLimit = 60
  /// Whether the proxy that the environment names (`https_proxy`) is used.
  public var usesProxy = false

  /// A server's address; the host is checked when the channel is made.
  public init(host: Span<UInt8>, port: UInt16 = 443) throws(HTTPSChannelError) {
    self.port = port
    do throws(CapacityError) { try self.host.replace(with: host) } catch { throw .host }
  }
}

/// Why there is no channel.
public enum HTTPSChannelError: Error, Equatable, Sendable {
  /// The host is empty, too long, or has characters that neither a name nor an address has.
  case host
  /// There are no authorities to trust.
  case authorities
  /// A limit that leaves no room for an answer or no time.
  case limits
  /// libcurl could not be started, or refused a setting; its number.
  case library(code: Int32)
  /// The system gave no memory or descriptor; `errno`.
  case system(code: Int32)
}

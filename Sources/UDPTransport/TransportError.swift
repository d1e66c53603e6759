// SPDX-License-Identifier: Apache-2.0
/// Why datagrams cannot be exchanged.
public enum TransportError: Error, Equatable, Sendable {
  /// The host name could not be resolved; `code` is `getaddrinfo`'s, negative.
  case unknownHost(code: Int32)
  /// No process listens at the address, according to an ICMP message.
  case refused
  /// The system cannot send to the address now, for example without a network; `code` is `errno`.
  case unreachable(code: Int32)
  /// The system could not create a socket; `code` is `errno`.
  case system(code: Int32)
}

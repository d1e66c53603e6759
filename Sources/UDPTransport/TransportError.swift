/// Why datagrams cannot be exchanged.
public enum TransportError: Error, Equatable, Sendable {
  /// The host's name could not be resolved; `code` is `getaddrinfo`'s, negative.
  case unknownHost(code: Int32)
  /// Nobody listens at the address: an ICMP message said so.
  case refused
  /// The system cannot send there now, for example for lack of a network; `code` is `errno`.
  case unreachable(code: Int32)
  /// The system gave no socket; `code` is `errno`.
  case system(code: Int32)
}

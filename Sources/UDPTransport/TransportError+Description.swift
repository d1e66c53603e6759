// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import CPOSIX

extension TransportError: CustomStringConvertible {
  /// States what happened, then what to do.
  public var description: String {
    switch self {
    case .unknownHost(let code):
      "the host name cannot be resolved (\(unsafe String(cString: gai_strerror(code)))): check it, "
        + "or give an address in digits"
    case .refused:
      "nobody listens at the endpoint (ICMP port unreachable): check host and port, and that the "
        + "server runs"
    case .unreachable(let code):
      "the endpoint cannot be reached (\(Self.text(code))): check the network connection"
    case .system(let code): "the system refused a UDP socket (\(Self.text(code)))"
    }
  }

  private static func text(_ code: Int32) -> String { unsafe String(cString: strerror(code)) }
}
#endif

// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension ChannelError: CustomStringConvertible {
  /// What is wrong, then what to do.
  public var description: String {
    switch self {
    case .host: "the host is no name and no address: give HOST or HOST:PORT"
    case .path: "the WebSocket's path begins with a slash and has no white space"
    case .authorities:
      "TLS verifies the server: give the certificates of the platform's authorities, in PEM"
    case .limits: "a memory limit leaves no room for a message"
    case .system(let code): "the system gave no memory, descriptor or thread (error \(code))"
    }
  }
}
#endif

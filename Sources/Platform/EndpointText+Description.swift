// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension EndpointError: CustomStringConvertible {
  /// States what is wrong with the endpoint, then what to write instead.
  public var description: String {
    switch self {
    case .scheme:
      "its scheme is none of coap and coaps, nor of mqtt, mqtts, ws, wss and https: write HOST:PORT alone"
    case .noHost: "there is no host in it: write HOST:PORT"
    case .path: "it has a path or a query: write HOST:PORT, the topic makes the path"
    case .brackets:
      "its brackets do not hold an IPv6 address: write [ADDRESS]:PORT, as in [2001:db8::1]:5682"
    case .host:
      "its host is neither a name nor an address: letters, digits, - _ and . make a name, four numbers "
        + "an IPv4 address"
    case .port: "its port is not 1 to 65535"
    }
  }
}
#endif

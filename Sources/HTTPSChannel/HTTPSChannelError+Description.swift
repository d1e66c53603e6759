// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension HTTPSChannelError: CustomStringConvertible {
  /// States what is wrong, then what to do.
  public var description: String {
    switch self {
    case .host:
      "no host: it is a name or an address of 1 to 255 bytes, without scheme, port or path"
    case .authorities: "HTTPS needs the certificates of the trusted authorities in PEM"
    case .limits: "an answer's limit is at least 1,024 bytes, and a time limit more than 0"
    case .library(let code): "libcurl refused (\(code)): check its installation"
    case .system(let code): "the system gave no memory or descriptor (errno \(code))"
    }
  }
}
#endif

// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension MQTTSettingsError: CustomStringConvertible {
  /// What is wrong, and by which limit.
  public var description: String {
    switch self {
    case .keepAlive(let seconds):
      "the keep-alive is \(seconds) s; the platform takes 30 to 1200 s and advises 300 or more (device guide 3.1)"
    case .clientIDBar(let offset):
      "the client id has a | at byte \(offset), which ends it over MQTT (device guide 3.2): leave it out"
    case .tokenNeedsTLS:
      "the token of an authentication over HTTPS would be sent in the clear: connect over TLS"
    }
  }
}
#endif

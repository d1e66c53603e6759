// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import DeviceClient

/// The cost of a run on one line.
struct TrafficSummary: CustomStringConvertible {
  let reports: Int
  let acknowledged: Int
  let traffic: DeviceTraffic
  let counters: DeviceCounters
  /// Whether there is a secure channel, which needs handshakes.
  let isSecureChannel: Bool
  /// Whether tokens are not asked for, but connections made.
  var isMQTT = false

  /// Reports, requests for a token, connections and handshakes, each with its bytes of UDP payload, or of MQTT packets.
  var description: String {
    var parts = [
      "\(reports) \(reports == 1 ? "report" : "reports"), \(acknowledged) acknowledged"
        + bytes(traffic.reports)
    ]
    if traffic.tokenRequests > 0 {
      parts.append("\(traffic.tokenRequests) POST /auth/devicename" + bytes(traffic.tokens))
    }
    parts.append(
      "\(traffic.authenticationRequests) \(isMQTT ? "CONNECT" : "/auth")"
        + bytes(traffic.authentication)
    )
    if isSecureChannel {
      let count = counters.handshakes
      let resumed = counters.resumptions > 0 ? ", \(counters.resumptions) resumed" : ""
      parts.append(
        "\(count) \(count == 1 ? "handshake" : "handshakes")\(resumed)" + bytes(traffic.handshakes)
      )
    }
    return parts.joined(separator: "; ")
  }

  private func bytes(_ count: DeviceTraffic.Count) -> String {
    guard count.datagramsUp + count.datagramsDown > 0 else { return "" }
    return ", \(count.bytesUp) B up, \(count.bytesDown) B down"
  }
}

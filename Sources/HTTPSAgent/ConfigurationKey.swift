// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key of the configuration file of the agent over HTTPS; `packaging/nbiot-agent-https.conf` documents each.
package enum ConfigurationKey: UInt8 {
  case productKey, deviceName, deviceSecretFile, stateDirectory
  case transport, endpoint, caFile, proxy, clientID, signMethod, timestamp, tokenLifetime
  case topic, payloadLimit, idPlaceholder, priority, ttl, coalesce
  case outboxBytes, whenFull, retry, retryLimit, maxAttempts, maxAge
  case socket, socketMode, socketGroup

  /// The names in the order of the cases.
  static var names: StaticString {
    """
    product-key|device-name|device-secret-file|state-directory\
    |transport|endpoint|ca-file|proxy|client-id|sign-method|timestamp|token-lifetime\
    |topic|payload-limit|id-placeholder|priority|ttl|coalesce\
    |outbox-bytes|when-full|retry|retry-limit|max-attempts|max-age\
    |socket|socket-mode|socket-group
    """
  }

  /// The allowed values in the order of the cases.
  static var values: StaticString {
    """
    1 to 64 letters and digits;4 to 32 letters, digits and _ @ . : -;a path;a path\
    ;https;HOST:PORT or https://HOST:PORT;certificates in PEM in less than 32768 bytes;no|yes;1 to 64 bytes\
    ;hmacsha1|hmacmd5;no|yes;0 to 1000000000 s\
    ;/PRODUCTKEY/DEVICENAME/… of at most 128 bytes;1 to 131072 bytes;1 to 32 bytes;0 to 7;0 to 1000000000 s\
    ;off|topic|names;4096 to 16777216 bytes;wait|drop-oldest;1 to 86400 s;1 to 604800 s;0 to 255;0 to 1000000000 s\
    ;a path;three octal digits, 600 to 777;a group's name or number
    """
  }

  /// The keys of the other agents that this one does not have, and why not.
  private static var others: StaticString {
    """
    on-request|answer-time|firmware-version|desired|thing-model|replies|notices\
    |websocket|websocket-path|tls|keep-alive|clean-session|in-flight\
    |security|server-name|allow-common-name|dtls-key|accept|timing|token-option|format|reserve|hint-command
    """
  }

  /// Whether a name is a key of another agent alone.
  static func isOther(_ name: Span<UInt8>) -> Bool { name.index(in: Span(others)) != nil }

  /// Ends the process because of such a key.
  @inline(never)
  static func refuseOther(_ name: Span<UInt8>, _ number: Int, _ path: Span<UInt8>) -> Never {
    var line = TextLine()
    line.add(.error)
    line.add(path)
    line.add(.colon, UInt64(number))
    line.add(.colonAndSpace)
    line.add(name)
    switch name.index(in: Span(others)) ?? 0 {
    case 0..<7:
      line.add(
        " is about messages of the platform, which has none over HTTPS: take it out, or use nbiot-agent-mqtt"
      )
    case 7..<13: line.add(" belongs to nbiot-agent-mqtt, the agent over MQTT: take it out")
    default: line.add(" belongs to nbiot-agent, the agent over CoAP: take it out")
    }
    fail(.usage, &line)
  }
}

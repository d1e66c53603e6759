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

  /// The keys about messages of the platform.
  private static var messages: StaticString {
    "on-request|answer-time|firmware-version|desired|thing-model|replies|notices"
  }

  /// The other keys of the agent over MQTT that this one does not have.
  private static var mqtt: StaticString {
    "websocket|websocket-path|tls|keep-alive|clean-session|in-flight"
  }

  /// The keys of the agent over CoAP that this one does not have.
  private static var coap: StaticString {
    "security|server-name|allow-common-name|dtls-key|accept|timing|token-option|format|reserve|hint-command"
  }

  /// The keys of a gateway's agent alone.
  private static var gateway: StaticString {
    """
    authentication|auth-endpoint|sub-device|sub-devices|on-configuration|configuration-time|configuration-limit\
    |fetch-configuration
    """
  }

  /// Why this agent does not have a key of another one; `nil` for a name that is no key.
  private static func reason(against name: Span<UInt8>) -> StaticString? {
    if name.index(in: Span(messages)) != nil {
      return
        " is about messages of the platform, which has none over HTTPS: use nbiot-agent-mqtt, or"
    }
    if name.index(in: Span(mqtt)) != nil {
      return " belongs to nbiot-agent-mqtt, the agent over MQTT:"
    }
    if name.index(in: Span(coap)) != nil { return " belongs to nbiot-agent, the agent over CoAP:" }
    return name.index(in: Span(gateway)) != nil ? " belongs to nbiot-gateway:" : nil
  }

  /// Whether a name is a key of another agent alone.
  static func isOther(_ name: Span<UInt8>) -> Bool { reason(against: name) != nil }

  /// Ends the process because of such a key.
  @inline(never)
  static func refuseOther(_ name: Span<UInt8>, _ number: Int, _ path: Span<UInt8>) -> Never {
    var line = TextLine()
    line.add(.error)
    line.add(path)
    line.add(.colon, UInt64(number))
    line.add(.colonAndSpace)
    line.add(name)
    if let reason = reason(against: name) { line.add(reason) }
    line.add(" take it out")
    fail(.usage, &line)
  }
}

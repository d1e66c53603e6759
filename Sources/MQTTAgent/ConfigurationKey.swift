// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key of the configuration file of the agent over MQTT; `packaging/nbiot-agent-mqtt.conf` documents each.
package enum ConfigurationKey: UInt8 {
  case productKey, deviceName, deviceSecretFile, stateDirectory
  case transport, endpoint, webSocket, webSocketPath, tls, caFile, clientID, signMethod, keepAlive,
    cleanSession, inFlight, notices, replies
  case topic, idPlaceholder, priority, ttl, coalesce
  case outboxBytes, whenFull, retry, retryLimit, maxAttempts, maxAge
  case socket, socketMode, socketGroup
  case onRequest, answerTime, firmwareVersion, desired, thingModel

  /// The key of the command that the agent runs.
  static var command: ConfigurationKey { .onRequest }

  /// The names in the order of the cases.
  static var names: StaticString {
    """
    product-key|device-name|device-secret-file|state-directory\
    |transport|endpoint|websocket|websocket-path|tls|ca-file|client-id|sign-method|keep-alive\
    |clean-session|in-flight|notices|replies\
    |topic|id-placeholder|priority|ttl|coalesce\
    |outbox-bytes|when-full|retry|retry-limit|max-attempts|max-age\
    |socket|socket-mode|socket-group\
    |on-request|answer-time|firmware-version|desired|thing-model
    """
  }

  /// The allowed values in the order of the cases.
  static var values: StaticString {
    """
    1 to 64 letters and digits;4 to 32 letters, digits and _ @ . : -;a path;a path\
    ;mqtt;HOST:PORT;no|yes;a path from / of at most 64 bytes;yes|no\
    ;certificates in PEM in less than 32768 bytes;1 to 64 bytes without |;hmacsha256|hmacsha1|hmacmd5\
    ;30 to 1200 s\
    ;yes|no;1 to 16;no|yes;yes|no\
    ;/PRODUCTKEY/DEVICENAME/… of at most 128 bytes;1 to 32 bytes;0 to 7;0 to 1000000000 s\
    ;off|topic|names;4096 to 16777216 bytes;wait|drop-oldest;1 to 86400 s;1 to 604800 s;0 to 255;0 to 1000000000 s\
    ;a path;three octal digits, 600 to 777;a group's name or number\
    ;a path;1 to 3600 s;1 to 128 bytes;names of properties with commas between them\
    ;a TSL file in JSON of less than 65536 bytes
    """
  }

  /// The keys of the other agents that this one does not have: of a gateway's first, then those of the one over HTTPS; lists
  /// apart, and the gateway's other keys, are 230 bytes too many.
  private static var others: StaticString {
    """
    authentication|payload-limit|proxy|timestamp|security|server-name|allow-common-name|dtls-key|accept|timing\
    |token-option|token-lifetime|format|reserve|hint-command
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
    line.add(" belongs to nbiot-")
    switch name.index(in: Span(others)) ?? 0 {
    case 0: line.add("gateway")
    case 1...3: line.add("agent-https")
    default: line.add("agent, the agent over CoAP")
    }
    line.add(": take it out")
    fail(.usage, &line)
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key of the configuration file of the gateway's agent; `packaging/nbiot-gateway.conf` documents each.
package enum ConfigurationKey: UInt8 {
  case productKey, deviceName, deviceSecretFile, stateDirectory
  case transport, endpoint, webSocket, webSocketPath, tls, caFile, clientID, signMethod, keepAlive,
    cleanSession, inFlight, notices, replies
  case authentication, authEndpoint
  case subDevice, subDevices
  case topic, idPlaceholder, priority, ttl, coalesce
  case outboxBytes, whenFull, retry, retryLimit, maxAttempts, maxAge
  case socket, socketMode, socketGroup
  case onRequest, answerTime, firmwareVersion, desired, thingModel
  case onConfiguration, configurationTime, configurationLimit, fetchConfiguration

  /// The key of the command that the agent runs.
  static var command: ConfigurationKey { .onRequest }

  /// The names in the order of the cases.
  static var names: StaticString {
    """
    product-key|device-name|device-secret-file|state-directory\
    |transport|endpoint|websocket|websocket-path|tls|ca-file|client-id|sign-method|keep-alive\
    |clean-session|in-flight|notices|replies\
    |authentication|auth-endpoint\
    |sub-device|sub-devices\
    |topic|id-placeholder|priority|ttl|coalesce\
    |outbox-bytes|when-full|retry|retry-limit|max-attempts|max-age\
    |socket|socket-mode|socket-group\
    |on-request|answer-time|firmware-version|desired|thing-model\
    |on-configuration|configuration-time|configuration-limit|fetch-configuration
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
    ;sign|https;HOST:PORT\
    ;PRODUCTKEY,DEVICENAME[,SECRETFILE];a path\
    ;/PRODUCTKEY/DEVICENAME/… of at most 128 bytes;1 to 32 bytes;0 to 7;0 to 1000000000 s\
    ;off|topic|names;4096 to 16777216 bytes;wait|drop-oldest;1 to 86400 s;1 to 604800 s;0 to 255;0 to 1000000000 s\
    ;a path;three octal digits, 600 to 777;a group's name or number\
    ;a path;1 to 3600 s;1 to 128 bytes;names of properties with commas between them\
    ;a TSL file in JSON of less than 65536 bytes\
    ;a path;1 to 86400 s;1024 to 268435456 bytes;no|yes
    """
  }

  /// The keys of the agent over CoAP that this one does not have.
  private static var coap: StaticString {
    """
    security|server-name|allow-common-name|dtls-key|accept|timing|token-option|token-lifetime|format|reserve\
    |hint-command
    """
  }

  /// The keys of the agent over HTTPS that this one does not have.
  private static var https: StaticString { "payload-limit|proxy|timestamp" }

  /// Whether a name is a key of another agent alone.
  static func isOther(_ name: Span<UInt8>) -> Bool {
    name.index(in: Span(coap)) != nil || name.index(in: Span(https)) != nil
  }

  /// Ends the process because of such a key.
  static func refuseOther(_ name: Span<UInt8>, _ number: Int, _ path: Span<UInt8>) -> Never {
    var line = TextLine()
    line.add(.error)
    line.add(path)
    line.add(.colon, UInt64(number))
    line.add(.colonAndSpace)
    line.add(name)
    if name.index(in: Span(coap)) != nil {
      line.add(" belongs to nbiot-agent, the agent over CoAP: take it out")
    } else {
      line.add(" belongs to nbiot-agent-https, the agent over HTTPS: take it out")
    }
    fail(.usage, &line)
  }
}

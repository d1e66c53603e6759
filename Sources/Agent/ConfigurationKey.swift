// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// A key of the configuration file; `packaging/nbiot-agent.conf` documents each.
package enum ConfigurationKey: UInt8 {
  case productKey, deviceName, deviceSecretFile, stateDirectory
  case transport, endpoint, security, caFile, serverName, allowCommonName, dtlsKey, clientID,
    signMethod,
    accept, timing
  case tokenOption, tokenLifetime
  case topic, format, idPlaceholder, priority, ttl, coalesce
  case outboxBytes, whenFull, reserve, retry, retryLimit, maxAttempts, maxAge
  case socket, socketMode, socketGroup, hintCommand
  #if LEDGER
  case ledger
  #endif

  /// The key of the command that the agent runs.
  static var command: ConfigurationKey { .hintCommand }

  /// The names in the order of the cases.
  static var names: StaticString {
    """
    product-key|device-name|device-secret-file|state-directory\
    |transport|endpoint|security|ca-file|server-name|allow-common-name|dtls-key|client-id|sign-method|accept|timing\
    |token-option|token-lifetime\
    |topic|format|id-placeholder|priority|ttl|coalesce\
    |outbox-bytes|when-full|reserve|retry|retry-limit|max-attempts|max-age\
    |socket|socket-mode|socket-group|hint-command
    """
  }

  /// The allowed values in the order of the cases.
  static var values: StaticString {
    """
    1 to 64 letters and digits;4 to 32 letters, digits and _ @ . : -;a path;a path\
    ;coap|mqtt only in nbiot-agent-mqtt;HOST:PORT, [ADDRESS]:PORT or coap://HOST:PORT;symmetric|dtls;PEM of less than 32768 bytes;the server's name\
    ;no|yes;certificate|psk;1 to 64 bytes;hmacmd5|hmacsha1|hmacsha256;json|cbor|none\
    ;nbIoT|standard|lteM|nbIoTDeep;2088|61;0 to 1000000000 s\
    ;/PRODUCTKEY/DEVICENAME/… of at most 128 bytes;json|cbor;1 to 32 bytes;0 to 7;0 to 1000000000 s\
    ;off|topic|names;4096 to 16777216 bytes;wait|drop-oldest;1 to 1000000;1 to 86400 s;1 to 604800 s;0 to 255;0 to 1000000000 s\
    ;a path;three octal digits, 600 to 777;a group's name or number;a path
    """
  }
}

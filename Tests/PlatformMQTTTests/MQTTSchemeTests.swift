// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PlatformMQTT
import Testing

@Suite("URIs of brokers")
struct MQTTSchemeTests {
  @Test(
    arguments: [
      ("mqtt://h", .tcp, "h"), ("mqtts://h:8883/", .tls, "h:8883"),
      ("ws://[::1]:80", .webSocket, "[::1]:80"),
      (" WSS://Host/\n", .secureWebSocket, "Host"), ("mqtts://", .tls, ""), ("mqtts:///", .tls, ""),
      ("mqtt://h/path", .tcp, "h/path"), ("mqtt://mqtt://h", .tcp, "mqtt://h"),
    ] as [(String, MQTTTransport, String)]
  )
  func `name the transport`(text: String, transport: MQTTTransport, endpoint: String) throws {
    let bytes = Array(text.utf8)
    let scheme = MQTTScheme(bytes.span)
    let range = try #require(scheme).endpoint
    #expect(scheme?.transport == transport)
    #expect(String(decoding: bytes[range], as: UTF8.self) == endpoint)
  }

  @Test(
    arguments: [
      "", "h", "h:1883", "mqtt:/h", "mqtt:", "mqtt:/", "://", "://h", "mqt://h", "mqttss://h",
      "coap://h", "http://h",
      "mqtt", "//h", "ws ://h",
    ]
  )
  func `other texts have none of these schemes`(text: String) {
    let bytes = Array(text.utf8)
    let scheme = MQTTScheme(bytes.span)
    #expect(scheme == nil)
  }
}

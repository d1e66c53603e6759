// SPDX-License-Identifier: Apache-2.0
import DeviceClient
import Platform
import PlatformCore
import PlatformSimulator
import Testing

@Suite("The client's endpoint and texts")
struct EndpointTests {
  @Test(arguments: ["coap://127.0.0.1:PORT/", " 127.0.0.1:PORT\n", "127.0.0.1:PORT"])
  func `a host with its port, and texts with blanks at their ends, are understood`(
    text: String
  ) async throws {
    try await DeviceClientTests().withServer { device, records in
      var configuration = device
      let port = try #require(device.port)
      configuration.host = text.replacing("PORT", with: "\(port)")
      configuration.port = nil
      configuration.productKey = "\u{FEFF}a1B2c3D4e5F\r\n"
      configuration.deviceName = "device1 "
      let secret = DeviceClientTests.secret + [0x20, 0x0D, 0x0A]
      let client = try DeviceClient(configuration, secret: secret)
      _ = try await client.publish([0x31], to: DeviceClientTests.topic)
      await client.close()
      #expect(records.all.count { $0.isAcceptedReport } == 1)
    }
  }

  @Test(arguments: ["host name", "[::1", "http://host", "host/path", "", ":1", "host:0"])
  func `what is no endpoint is an error with its reason`(text: String) {
    var configuration = DeviceClientConfiguration(productKey: "k", deviceName: "dddd")
    configuration.host = text
    #expect {
      _ = try DeviceClient(configuration, secret: [0x73])
    } throws: { error in
      guard case DeviceClientError.endpoint = error else { return false }
      return "\(error)".hasPrefix("the endpoint cannot be used: ")
    }
  }

  @Test(arguments: [("coaps://127.0.0.1", nil), ("127.0.0.1:5682", 5_683)] as [(String, UInt16?)])
  func `a scheme or port that is another than the configuration's is an error`(
    host: String,
    port: UInt16?
  ) {
    let configuration = DeviceClientConfiguration(
      productKey: "k",
      deviceName: "dddd",
      host: host,
      port: port
    )
    #expect {
      _ = try DeviceClient(configuration, secret: [0x73])
    } throws: { error in
      if case DeviceClientError.endpointMismatch = error { true } else { false }
    }
  }
}

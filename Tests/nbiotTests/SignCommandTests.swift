// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

@Suite("nbiot sign and nbiot opcua, as their user runs them")
struct SignCommandTests {
  static let names = ["--product-key", "pk", "--device-name", "device"]

  @Test func `the guide's example of an MQTT connection`() async throws {
    let run = try await nbiot(
      ["sign", "mqtt"] + Self.names + [
        "--client-id", "12345", "--timestamp", "789", "--sign-method", "hmacsha1", "--transport",
        "tcp",
      ],
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    #expect(run.status == 0)
    #expect(
      run.output == """
        content    clientId12345deviceNamedeviceproductKeypktimestamp789
        method     hmacsha1
        sign       FAFD82A3D602B37FB0FA8B7892F24A477F851A14
        client id  12345|securemode=3,signmethod=hmacsha1,timestamp=789|
        user name  device&pk
        password   FAFD82A3D602B37FB0FA8B7892F24A477F851A14
        host       pk.iot-as-mqtt.cn-shanghai.aliyuncs.com:1883

        """
    )
  }

  @Test func `the guide's example over a WebSocket with TLS, for a program`() async throws {
    let run = try await nbiot(
      ["sign", "mqtt"] + Self.names + [
        "--client-id", "12345", "--timestamp", "789", "--sign-method", "hmacsha1", "--transport",
        "wss", "--output", "json", "--lower-case",
      ],
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    let object = try #require(run.object)
    #expect(
      object["clientID"] as? String == "12345|securemode=2,signmethod=hmacsha1,timestamp=789|"
    )
    #expect(object["password"] as? String == "fafd82a3d602b37fb0fa8b7892f24a477f851a14")
    #expect(object["host"] as? String == "wss://pk.iot-as-mqtt.cn-shanghai.aliyuncs.com:443")
  }

  @Test(arguments: [
    (
      "coap",
      [
        "--product-key", "a1NUjcVkHZS", "--device-name", "ff1a11e7c08d4b3db2b1500d8e0e55", "--seq",
        "10",
      ], "12401CF6B299F09D2FD84FBAA7F6DC5E"
    ),
    (
      "coap",
      [
        "--product-key", "ZG1EvTEa7NN", "--device-name", "NlwaSPXsCpTQuh8FxBGH", "--client-id",
        "mylight1000002",
      ], "D32BA354D8C78785536FE88F6310BA3F"
    ),
    (
      "http",
      [
        "--product-key", "ZG1EvTEa7NN", "--device-name", "NlwaSPXsCpTQuh8FxBGH", "--client-id",
        "mylight1000002", "--timestamp", "1501668289957", "--sign-method", "hmacsha1",
      ], "335BDC0FBD47DE9BBF1F7F77FDF803AB1821F5ED"
    ),
  ])
  func `the synthetic signs of the guide's other examples`(
    kind: String,
    options: [String],
    sign: String
  ) async throws {
    let run = try await nbiot(
      ["sign", kind, "--output", "json"] + options,
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    #expect(run.status == 0)
    let object = try #require(run.object)
    #expect(object["sign"] as? String == sign)
    let sent = (object["payload"] ?? object["body"]) as? String
    #expect(sent?.contains(sign) == true)
  }

  @Test func `a sub-device's entry is JSON and signed without the client id if that is wanted`()
    async throws
  {
    let run = try await nbiot(
      ["sign", "topology", "--timestamp", "5", "--without-client-id", "--output", "json"]
        + Self.names,
      environment: ["NBIOT_DEVICE_SECRET": "secret"]
    )
    let object = try #require(run.object)
    #expect(object["content"] as? String == "deviceNamedeviceproductKeypktimestamp5")
    let entry = try #require(object["entry"] as? [String: String])
    #expect(entry["sign"] == object["sign"] as? String)
    #expect(entry["clientId"] == nil)
  }

  @Test func `a registration over each way has one sign`() async throws {
    var signs: Set<String> = []
    for way in ["https", "coap", "mqtt"] {
      let run = try await nbiot(
        [
          "sign", "register", "--over", way, "--product-key", "xxx", "--device-name", "device1",
          "--random", "789", "--sign-method", "hmacsha1", "--output", "json",
        ],
        environment: ["NBIOT_PRODUCT_SECRET": "Rhkkj6K6BhlhyUW7"]
      )
      #expect(run.status == 0)
      #expect(!run.output.contains("Rhkkj6K6BhlhyUW7"))
      signs.insert(run.object?["sign"] as? String ?? "")
    }
    #expect(signs == ["99203ea68d6f0a1efe161365f163d8ad04328a0a"])
  }

  @Test(arguments: [
    ["sign", "mqtt"] + names + ["--client-id", "a|b"],
    ["sign", "mqtt"] + names + ["--region", "a/b"],
    ["sign", "register"] + names + ["--random", "a b"],
    ["sign", "register"] + names + ["--instance-id", "x"], ["sign", "coap", "--product-key", "pk"],
    ["sign", "nonsense"], ["sign", "coap", "--product-key", "p k", "--device-name", "device"],
  ])
  func `what makes no sense exits with 2`(arguments: [String]) async throws {
    let run = try await nbiot(
      arguments,
      environment: ["NBIOT_DEVICE_SECRET": "secret", "NBIOT_PRODUCT_SECRET": "secret"]
    )
    #expect(run.status == 2)
    #expect(run.output.isEmpty && !run.errors.isEmpty)
  }

  @Test func `a missing product secret is told where to put it`() async throws {
    let run = try await nbiot(["sign", "register"] + Self.names)
    #expect(run.status == 2)
    #expect(run.errors.contains("--product-secret-file"))
    #expect(run.errors.contains("NBIOT_PRODUCT_SECRET"))
  }

  @Test func `a password of OPC UA goes there and back through pipes`() async throws {
    let secret = ["NBIOT_DEVICE_SECRET": "testTNmjyWHQzniA8wEkTNmjyWH01234"]
    let there = try await nbiot(["opcua", "encrypt"], input: "test123\n", environment: secret)
    #expect(there.output == "sYpAYctBQhN0/iE8ndwkAA==\n")
    let back = try await nbiot(["opcua", "decrypt"], input: there.output, environment: secret)
    #expect(back.output == "test123\n")
    #expect(back.status == 0)
  }

  @Test(
    arguments: [
      (
        "decrypt", "sYpAYctBQhN0/iE8ndwkAQ==\n", "testTNmjyWHQzniA8wEkTNmjyWH01234", 1,
        "this secret"
      ),
      ("decrypt", "not Base64\n", "testTNmjyWHQzniA8wEkTNmjyWH01234", 2, "must be Base64"),
      ("encrypt", "x\n", "short", 2, "16, 24 or 32"),
      (
        "encrypt", String(repeating: "x", count: 300), "testTNmjyWHQzniA8wEkTNmjyWH01234", 2,
        "too many"
      ),
    ] as [(String, String, String, Int32, String)]
  )
  func `what cannot be converted says why`(
    command: String,
    input: String,
    secret: String,
    status: Int32,
    words: String
  ) async throws {
    let run = try await nbiot(
      ["opcua", command],
      input: input,
      environment: ["NBIOT_DEVICE_SECRET": secret]
    )
    #expect(run.status == status)
    #expect(run.errors.hasPrefix("nbiot: ") && run.errors.contains(words))
    #expect(run.output.isEmpty)
  }
}

// SPDX-License-Identifier: Apache-2.0
import CDevice
import DeviceLibrary
import Testing

@Suite("Device guide 3.4: IOT_Sign_MQTT")
struct SignMQTTTests {
  private func meta(
    key: String = "a1X2bEnP82z",
    productSecret: String = "7jluWm1zql7bt8qK",
    name: String = "example1",
    secret: String = "ga7XA6KdlEeiPXQPpRbAjOZXwG8ydgSe"
  ) -> iotx_dev_meta_info_t {
    var meta = iotx_dev_meta_info_t()
    fill(&meta.product_key, key)
    fill(&meta.product_secret, productSecret)
    fill(&meta.device_name, name)
    fill(&meta.device_secret, secret)
    return meta
  }

  private func fill<Field>(_ field: inout Field, _ text: String) {
    unsafe withUnsafeMutableBytes(of: &field) {
      for (index, byte) in text.utf8.enumerated() where index < $0.count { unsafe $0[index] = byte }
    }
  }

  /// The text of a field, and whether there are zero bytes alone behind it.
  private func text<Field>(_ field: Field) -> String {
    unsafe withUnsafeBytes(of: field) {
      let bytes = unsafe Array($0)
      let end = bytes.firstIndex(of: 0) ?? bytes.count
      #expect(end < bytes.count && bytes[end...].allSatisfy { $0 == 0 })
      return String(decoding: bytes[..<end], as: UTF8.self)
    }
  }

  private func sign(
    _ region: iotx_mqtt_region_types_t,
    _ meta: iotx_dev_meta_info_t
  ) -> (Int32, iotx_sign_mqtt_t) {
    var meta = meta
    var output = iotx_sign_mqtt_t()
    // What was there before does not matter.
    unsafe withUnsafeMutableBytes(of: &output) {
      for index in 0..<$0.count { unsafe $0[index] = 0xA5 }
    }
    let code = unsafe IOT_Sign_MQTT(region, &meta, &output)
    return (code, output)
  }

  /// The password was computed by openssl dgst -sha256 -hmac.
  @Test func `what CONNECT carries is signed with HMAC-SHA256`() throws {
    let (code, output) = sign(IOTX_CLOUD_REGION_SHANGHAI, meta())
    #expect(code == 0)
    #expect(text(output.hostname) == "a1X2bEnP82z.iot-as-mqtt.cn-shanghai.aliyuncs.com")
    #expect(output.port == 1_883)
    #expect(
      text(output.clientid) == "a1X2bEnP82z&example1|securemode=2,signmethod=hmacsha256|"
    )
    #expect(text(output.username) == "example1&a1X2bEnP82z")
    #expect(
      text(output.password) == "5bed9d4520d3bd6dfda1d73cd1cab156dc56cba024ce5e852c922987ca2c83f2"
    )
  }

  @Test(
    arguments: [
      (0, "cn-shanghai"), (1, "ap-southeast-1"), (2, "ap-northeast-1"), (3, "us-west-1"),
      (4, "eu-central-1"), (5, ""),
    ] as [(UInt32, String)]
  )
  func `each region has its host, one of the caller's own has none`(number: UInt32, id: String) {
    let (code, output) = sign(iotx_mqtt_region_types_t(rawValue: number), meta())
    #expect(code == 0)
    let host = id.isEmpty ? "" : "a1X2bEnP82z.iot-as-mqtt.\(id).aliyuncs.com"
    #expect(text(output.hostname) == host)
  }

  @Test(arguments: [6, 7, 255, .max] as [UInt32])
  func `what is no region is refused`(number: UInt32) {
    let (code, output) = sign(iotx_mqtt_region_types_t(rawValue: number), meta())
    #expect(code == -1)
    let isZero = isZero(output)
    #expect(isZero)
  }

  @Test func `the longest names and secret fit`() {
    let long = meta(
      key: String(repeating: "K", count: 20),
      productSecret: "",
      name: String(repeating: "n", count: 32),
      secret: String(repeating: "s", count: 64)
    )
    let (code, output) = sign(IOTX_CLOUD_REGION_SINGAPORE, long)
    #expect(code == 0)
    #expect(text(output.username).count == 53 && text(output.password).count == 64)
  }

  @Test func `a field that is empty, has no zero byte or is no name is refused`() {
    for bad in [
      meta(key: ""), meta(name: ""), meta(secret: ""), meta(key: String(repeating: "K", count: 21)),
      meta(productSecret: String(repeating: "p", count: 65)),
      meta(name: String(repeating: "n", count: 33)),
      meta(secret: String(repeating: "s", count: 65)),
      meta(key: "a b"), meta(key: "a|b"), meta(name: "abc"), meta(name: "dev|1"),
      meta(name: "d\u{FC}1"),
    ] {
      let (code, output) = sign(IOTX_CLOUD_REGION_SHANGHAI, bad)
      #expect(code == -1)
      let isZero = isZero(output)
      #expect(isZero)
    }
  }

  @Test func `NULL is refused`() {
    var meta = meta()
    var output = iotx_sign_mqtt_t()
    #expect(unsafe IOT_Sign_MQTT(IOTX_CLOUD_REGION_SHANGHAI, nil, &output) == -1)
    #expect(unsafe IOT_Sign_MQTT(IOTX_CLOUD_REGION_SHANGHAI, &meta, nil) == -1)
    #expect(IOT_Sign_MQTT(IOTX_CLOUD_REGION_SHANGHAI, nil, nil) == -1)
  }

  private func isZero(_ output: iotx_sign_mqtt_t) -> Bool {
    text(output.hostname).isEmpty && output.port == 0 && text(output.clientid).isEmpty
      && text(output.username).isEmpty && text(output.password).isEmpty
  }
}

// SPDX-License-Identifier: Apache-2.0
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import Testing

@Suite("Device guide 4 and 6: every request that CoAP carries, as it is printed")
struct GuideRequestTests {
  /// What is different on purpose, in all three places where it is.
  private func expected(_ example: GuideExample) -> String {
    var text = example.minified
    // The guide's own tables want the id to be a text, where these examples have a number.
    for number in ["1", "123"] {
      text = text.replacing(#"{"id":\#(number),"#, with: #"{"id":"\#(number)","#)
    }
    switch example.key {
    case "6.5 event-post-request":
      text = text.replacing("{tsl.event.identifier}", with: "alarm")
    case "6.5 pack-post-request":
      // Nameless sub-devices are refused before they are sent.
      text = text.replacing(#""productKey":"","deviceName":"""#, with: subDevice)
    case "6.3 topo-add-request":
      // A sign is hexadecimal digits, which the printed one is not.
      text = text.replacing(#""sign":"xxxxxx""#, with: #""sign":"abcd01""#)
    default: break
    }
    return text
  }

  private let subDevice = #""productKey":"pk","deviceName":"sub1""#

  @Test(arguments: GuideExample.all(.request))
  func `the typed call writes it byte for byte`(example: GuideExample) throws {
    let made = try GuideRequests<JSONWriter>.made(example.key)
    let request = try #require(made)
    #expect(String(decoding: request.payload, as: UTF8.self) == expected(example))
  }

  /// Every format by the same calls: only the writer's type differs.
  @Test(arguments: GuideExample.all(.request))
  func `the same call writes the same as CBOR, in fewer bytes`(example: GuideExample) throws {
    let made = try GuideRequests<CBORWriter>.made(example.key)
    let request = try #require(made)
    let text = try transcribed(request.payload)
    #expect(text == expected(example))
    #expect(request.payload.count < text.utf8.count)
  }

  @Test(arguments: GuideExample.all(.request))
  func `its topic is the one that is printed`(example: GuideExample) throws {
    let made = try GuideRequests<JSONWriter>.made(example.key)
    let request = try #require(made)
    var topic = try #require(example.topic)
    for (placeholder, name) in [
      ("${YourProductKey}", "pk"), ("${YourDeviceName}", "device"), ("{productKey}", "pk"),
      ("{deviceName}", "device"), ("{tsl.event.identifier}", "alarm"),
    ] {
      topic = topic.replacing(placeholder, with: name)
    }
    // Protocol facts 1.21, 8: the method's name says `pack`.
    if example.key == "6.5 pack-post-request" {
      #expect(topic == "/sys/pk/device/thing/event/property/ack/post")
      topic = "/sys/pk/device/thing/event/property/pack/post"
    }
    #expect(request.topic == topic)
  }

  /// A gateway logs its sub-devices in over MQTT alone: the params are ours, the envelope is not.
  @Test func `the params of a login of 6.4 are written byte for byte`() throws {
    let example = try GuideExample.of("6.4 login-request")
    let (product, name, client) = (bytes("123"), bytes("test"), bytes("123"))
    let device = try DeviceIdentity(
      productKey: product.span,
      deviceName: name.span,
      clientID: client.span
    )
    let signature: [UInt8] = [0xAB, 0xCD, 0x01]
    var buffer = [UInt8](repeating: 0xA5, count: 512)
    var json = JSONWriter(buffer.mutableSpan)
    let request = SubDeviceRequest(signMethod: .hmacMD5, timestamp: 123)
    try request.writeLogin(device, signature: signature.span, into: &json)
    let count = json.count
    let params = String(decoding: buffer[..<count], as: UTF8.self)
    let expected = example.minified.replacing(#""sign":"xxxxxx""#, with: #""sign":"abcd01""#)
    #expect(#"{"id":"123","params":"# + params + "}" == expected)
  }

  @Test func `there are twenty of them`() {
    #expect(GuideExample.all(.request).count == 20)
  }
}

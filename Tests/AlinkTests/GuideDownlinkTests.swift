// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import Testing

@Suite("Device guide 6.3 to 6.12: every request of the platform, and the device's answer")
struct GuideDownlinkTests {
  @Test(arguments: GuideExample.all(.downlink))
  func `its envelope is read in either format`(example: GuideExample) throws {
    try checkEnvelope(of: example)
  }

  @Test func `there are nine of them, and one has no answer`() {
    let requests = GuideExample.all(.downlink).map(\.key)
    let answered = GuideExample.all(.answer).map { $0.key.replacing("-answer", with: "") }
    #expect(requests.count == 9)
    #expect(Set(requests).subtracting(answered) == ["6.7 model-config-push"])
    #expect(Set(answered).subtracting(requests).isEmpty)
  }

  /// The answer has the id that was read, the code and data that are printed, and goes to the printed
  /// topic.
  @Test(arguments: GuideExample.all(.answer))
  func `it is answered byte for byte on the printed topic`(answer: GuideExample) throws {
    let request = try GuideExample.of(answer.key.replacing("-answer", with: ""))
    let message = bytes(placed(request.corrected))
    let view = try AlinkMessageView<JSONReader>(message.span)
    let read = view.id
    let id = try #require(read)
    let number = try #require(answer.code)
    let code = try #require(DeviceReplyCode(rawValue: number))
    let expected = placed(answer.minified)
    var buffer = [UInt8](repeating: 0xA5, count: 256)
    var json = JSONWriter(buffer.mutableSpan)
    try write(id, code, for: answer, into: &json)
    let count = json.count
    #expect(String(decoding: buffer[..<count], as: UTF8.self) == expected)
    var cbor = CBORWriter(buffer.mutableSpan)
    try write(id, code, for: answer, into: &cbor)
    let shorter = cbor.count
    let back = try transcribed(Array(buffer[..<shorter]))
    #expect(back == expected)
    let name = view.method.map { text($0, in: view) }
    let method = try #require(name)
    let topic = try replyTopic(method)
    #expect(topic == placed(try #require(answer.replyTopic)))
    #expect(topic == placed(try #require(request.topic)) + "_reply")
  }

  /// Two of them have words in the place of a digest, so that they are no files to be fetched.
  @Test(arguments: GuideExample.all(.downlink))
  func `the dispatcher hands it over once, and its answer is the printed one`(
    example: GuideExample
  ) throws {
    let desk = Desk()
    let topic = placed(try #require(example.topic)).replacing("deviceName1234", with: "device")
    let message = placed(example.corrected)
    let said = desk.take(topic, message)
    switch example.key {
    case "6.12 configuration-push":
      #expect(said == #"refused thing/config/push_reply {"id":"123","code":460,"data":{}}"#)
      #expect(desk.fault == .message(.member(.sign)))
      return
    case "6.7 model-config-push":
      #expect(desk.fault == .message(.member(.url)))
      return
    default: break
    }
    let answer = try GuideExample.of(example.key + "-answer")
    let printed = placed(try #require(answer.replyTopic)) + " " + placed(answer.minified)
    if said.hasPrefix("notice") {
      #expect(whole(String(try #require(said.split(separator: " sent ").last))) == printed)
    } else {
      #expect(said.hasPrefix("request 1"))
      let data = example.key == "6.5 set-weight-call" ? Self.weights : ""
      #expect(whole(desk.answer(1, .success, data)) == printed)
    }
    #expect(desk.take(topic, message) == "dropped")
    #expect(desk.fault == .repeated)
  }

  /// The guide prints neither a model for all of them nor a firmware's envelope beside them.
  @Test func `SetWeight fits the model that is printed for it`() throws {
    let call = try GuideExample.of("6.5 set-weight-call")
    let model = try GuideExample.of("6.5 set-weight-model").corrected
    let topic = "thing/service/SetWeight"
    #expect(Desk().take(topic, call.corrected, model: model).hasPrefix("request 1 service"))
    let heavier = call.corrected.replacing("100.8", with: "200.5")
    #expect(Desk().take(topic, heavier, model: model).hasPrefix("refused"))
  }

  @Test(arguments: ["4 upgrade-push", "6.11 upgrade-push"])
  func `a firmware that is pushed starts, and is not started again`(key: String) throws {
    let desk = Desk()
    var push = FirmwarePush()
    for expected in [FirmwareDecision.start, .alreadyRunning] {
      let message = try GuideExample.of(key).corrected
      #expect(desk.take("/ota/device/upgrade/pk/device", message).hasPrefix("notice firmware"))
      let downlink = try #require(desk.downlink)
      let (received, running) = (bytes(message), bytes("1.0.1"))
      let decision = push.decide(downlink.reader(received.span), running: running.span)
      #expect(decision == expected)
    }
  }

  private static let weights = #"{"CollectTime":"1536228947682","OldWeight":100.101}"#

  private func write<Writer: PayloadWriter & ~Copyable & ~Escapable>(
    _ id: UInt64,
    _ code: DeviceReplyCode,
    for answer: GuideExample,
    into writer: inout Writer
  ) throws(CapacityError) {
    let hasData = answer.key == "6.5 set-weight-call-answer"
    try AlinkReply.write(id: id, code: code, into: &writer) {
      (w: inout Writer) throws(CapacityError) in
      guard hasData else { return }
      try w.key("CollectTime")
      try w.string("1536228947682")
      try w.key("OldWeight")
      try w.decimal(100_101, fractionDigits: 3)
    }
  }

  private func replyTopic(_ method: String) throws -> String {
    let (product, name, method) = (bytes("pk"), bytes("device"), bytes(method))
    let device = try DeviceIdentity(productKey: product.span, deviceName: name.span)
    var buffer = [UInt8](repeating: 0xA5, count: 128)
    var writer = ByteWriter(buffer.mutableSpan)
    try DownlinkMethod(method.span).writeReplyTopic(of: device, into: &writer)
    let count = writer.count
    return String(decoding: buffer[..<count], as: UTF8.self)
  }

  /// A text with names in the place of the guide's placeholders.
  private func placed(_ text: String) -> String {
    text.replacing("{productKey}", with: "pk").replacing("{deviceName}", with: "device")
      .replacing("{tsl.service.identifier}", with: "SetWeight")
  }
}

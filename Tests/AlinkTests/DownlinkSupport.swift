// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Platform
import Testing

/// A device's dispatcher with four places, as its owner sees it: what it says, in one line.
final class Desk {
  var dispatcher: DownlinkDispatcher<4>
  /// Why the last message was refused or dropped.
  private(set) var fault: DownlinkFault?
  /// The last message that was handed over.
  private(set) var downlink: Downlink?

  init(_ settings: DownlinkSettings = DownlinkSettings(), firstNumber: UInt32 = 1) {
    dispatcher = DownlinkDispatcher(
      device("pk", "device"),
      settings: settings,
      firstNumber: firstNumber
    )
  }

  /// Takes a message in; `topic` below `/sys/pk/device/` unless it begins with a slash.
  func take(
    _ topic: String,
    _ message: String,
    model: String? = nil,
    subDevice: DeviceIdentity? = nil,
    isMarked: Bool = false,
    at time: Int64 = 0
  ) -> String {
    take(bytes(whole(topic)), bytes(message), model, subDevice, isMarked, at: time)
  }

  func take(
    _ topic: [UInt8],
    _ message: [UInt8],
    _ model: String? = nil,
    _ subDevice: DeviceIdentity? = nil,
    _ isMarked: Bool = false,
    at time: Int64 = 0
  ) -> String {
    let now = Instant(milliseconds: time)
    let verdict: DownlinkVerdict
    if let model {
      let text = bytes(model)
      guard let view = try? ThingModelView(text.span) else {
        preconditionFailure("a model of a test")
      }
      verdict = dispatcher.handle(
        topic: topic.span,
        message: message.span,
        model: view,
        subDevice: subDevice,
        isMarkedAsRepeated: isMarked,
        at: now
      )
    } else {
      verdict = dispatcher.handle(
        topic: topic.span,
        message: message.span,
        subDevice: subDevice,
        isMarkedAsRepeated: isMarked,
        at: now
      )
    }
    return text(of: verdict, message)
  }

  private func text(of verdict: DownlinkVerdict, _ message: [UInt8]) -> String {
    fault = nil
    downlink = nil
    switch verdict {
    case .request(let found):
      downlink = found
      return "request \(found.number) \(found.kind) " + contents(found, message)
    case .notice(let found, let answer):
      downlink = found
      let sent = answer.map { ", sent " + line($0) } ?? ""
      return "notice \(found.kind) " + contents(found, message) + sent
    case .refused(let answer, let reason):
      fault = reason
      return "refused " + line(answer)
    case .dropped(let reason):
      fault = reason
      return "dropped"
    }
  }

  /// Answers with a code, or says why not.
  func answer(
    _ number: UInt32,
    _ code: DeviceReplyCode = .success,
    _ data: String = "",
    at time: Int64 = 0,
    capacity: Int = 512
  ) -> String {
    var (topic, message) = (
      [UInt8](repeating: 0xA5, count: 128), [UInt8](repeating: 0xA5, count: capacity)
    )
    var to = ByteWriter(topic.mutableSpan)
    var output = ByteWriter(message.mutableSpan)
    let data = bytes(data)
    do throws(DownlinkAnswerError) {
      try dispatcher.answer(
        number,
        code,
        data: data.span,
        topic: &to,
        message: &output,
        at: Instant(milliseconds: time)
      )
    } catch {
      return to.count == 0 && output.count == 0 ? name(of: error) : "left something behind"
    }
    let (length, count) = (to.count, output.count)
    return short(Array(topic[..<length])) + " " + String(decoding: message[..<count], as: UTF8.self)
  }

  /// Answers with bytes, or says why not.
  func answer(_ number: UInt32, bytes: [UInt8], at time: Int64 = 0) -> String {
    var (topic, message) = (
      [UInt8](repeating: 0xA5, count: 128), [UInt8](repeating: 0xA5, count: 64)
    )
    var to = ByteWriter(topic.mutableSpan)
    var output = ByteWriter(message.mutableSpan)
    do throws(DownlinkAnswerError) {
      try dispatcher.answer(
        number,
        bytes: bytes.span,
        topic: &to,
        message: &output,
        at: Instant(milliseconds: time)
      )
    } catch {
      return to.count == 0 && output.count == 0 ? name(of: error) : "left something behind"
    }
    let (length, count) = (to.count, output.count)
    return short(Array(topic[..<length])) + " " + hex(Array(message[..<count]))
  }

  /// Says that the answer did not leave the device; whether another one may be given.
  func loses(_ number: UInt32, at time: Int64) -> Bool {
    dispatcher.answerWasLost(number, at: Instant(milliseconds: time))
  }

  /// What is over at that time, a line for each.
  func expire(at time: Int64) -> [String] {
    var lines: [String] = []
    while let expired = dispatcher.pollExpired(at: Instant(milliseconds: time)) {
      lines.append("\(expired.number) \(expired.kind) " + (expired.answer.map(line) ?? "nothing"))
    }
    return lines
  }

  var deadline: Int64? { dispatcher.pollTimeout()?.milliseconds }

  private func contents(_ downlink: Downlink, _ message: [UInt8]) -> String {
    downlink.isBytes
      ? hex(Array(message[downlink.contents]))
      : String(decoding: message[downlink.contents], as: UTF8.self)
  }

  private func line(_ answer: DownlinkAnswer) -> String {
    var message = [UInt8](repeating: 0xA5, count: 512)
    var output = ByteWriter(message.mutableSpan)
    do throws(CapacityError) { try answer.writePayload(into: &output) } catch { return "no room" }
    let count = output.count
    let topic = short(array(answer.topic.bytes))
    return topic + " " + String(decoding: message[..<count], as: UTF8.self)
  }

  private func name(of error: DownlinkAnswerError) -> String {
    switch error {
    case .unknown: "unknown"
    case .answered: "answered"
    case .late: "late"
    case .notAnObject: "not an object"
    case .nameTwice(let offset): "name twice at \(offset)"
    case .form: "form"
    case .capacity: "capacity"
    }
  }
}

func device(_ productKey: String, _ deviceName: String) -> DeviceIdentity {
  let (product, name) = (bytes(productKey), bytes(deviceName))
  guard let device = try? DeviceIdentity(productKey: product.span, deviceName: name.span) else {
    preconditionFailure("names of a test")
  }
  return device
}

/// A topic of the device pk, device, from what stands behind its names.
func whole(_ topic: String) -> String { topic.hasPrefix("/") ? topic : "/sys/pk/device/" + topic }

func array(_ span: Span<UInt8>) -> [UInt8] {
  var bytes: [UInt8] = []
  for index in span.indices { bytes.append(span[index]) }
  return bytes
}

private func short(_ topic: [UInt8]) -> String {
  String(decoding: topic, as: UTF8.self).replacing("/sys/pk/device/", with: "")
}

private func hex(_ bytes: [UInt8]) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// A request of the thing model as the platform writes it.
func alink(_ method: String, _ params: String = "{}", id: String = "\"7\"") -> String {
  #"{"id":\#(id),"version":"1.0","params":\#(params),"method":"\#(method)"}"#
}

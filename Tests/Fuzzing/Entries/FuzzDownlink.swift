// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

/// The dispatcher of downlinks, with a table of four: steps of a byte that says what happens, two with a length and
/// so many bytes where something comes.
///
/// Topics are the guide's in turn, or the input's own; time only grows. Each request is handed over under a number
/// of its own, answered once at most, and what is sent is a topic of this device and one JSON object.
public func fuzzDownlink(_ bytes: Span<UInt8>) {
  guard let device = identity() else { preconditionFailure("names of a fuzzer") }
  var dispatcher = DownlinkDispatcher<4>(device)
  var push = FirmwarePush()
  var open: [UInt32] = []
  var last: UInt32 = 0
  var now = Instant(milliseconds: 0)
  var offset = 0
  while offset + 1 < bytes.count {
    let (step, value) = (bytes[offset], bytes[offset + 1])
    offset += 2
    switch step % 4 {
    case 0, 1:
      let end = min(offset + Int(value) * 4, bytes.count)
      let message = bytes.extracting(offset..<end)
      offset = end
      let topic =
        step % 4 == 0
        ? topics[Int(step / 4) % topics.count]
        : copied(message.extracting(0..<min(message.count, 128)))
      let verdict = dispatcher.handle(
        topic: topic.span,
        message: message,
        isMarkedAsRepeated: step & 0x80 != 0,
        at: now
      )
      switch verdict {
      case .request(let downlink):
        precondition(downlink.number > last, "a number that was given before")
        precondition(downlink.deadline != nil, "a request without end")
        last = downlink.number
        open.append(downlink.number)
        check(downlink, message, &push)
      case .notice(let downlink, let answer):
        check(downlink, message, &push)
        if let answer { check(answer) }
      case .refused(let answer, let fault):
        precondition(fault.code != nil, "a refusal without a code")
        check(answer)
      case .dropped(let fault): precondition(!"\(fault)".isEmpty)
      }
    case 2:
      now = now + Milliseconds(Int64(value) * 1_000)
      while let expired = dispatcher.pollExpired(at: now) {
        precondition(open.contains(expired.number), "an end of what was not open")
        open.removeAll { $0 == expired.number }
        if let answer = expired.answer { check(answer) }
      }
    default:
      answer(
        &dispatcher,
        UInt32(value),
        bytes.extracting(offset..<min(offset + 8, bytes.count)),
        &open,
        now
      )
    }
    precondition(dispatcher.openCount == open.count, "another count of what is open")
    precondition((dispatcher.pollTimeout() == nil) == open.isEmpty, "an end of nothing, or none")
  }
}

/// The topics of all kinds, one of them twice.
private let topics: [[UInt8]] = [
  "/sys/pk/device/thing/service/property/set", "/sys/pk/device/thing/service/property/get",
  "/sys/pk/device/thing/service/a", "/sys/pk/device/rrpc/request/1",
  "/sys/pk/device/rrpc/request/2",
  "/ext/rrpc/1/a", "/sys/pk/device/thing/model/down_raw", "/ota/device/upgrade/pk/device",
  "/sys/pk/device/thing/config/push", "/sys/pk/device/thing/model/config/push",
  "/sys/pk/device/thing/topo/add/notify", "/sys/pk/device/thing/disable",
  "/sys/pk/device/thing/enable", "/sys/pk/device/thing/delete", "/ext/error/pk/device",
  "/sys/pk/device/thing/property/desired/get_reply",
].map { Array($0.utf8) }

private func identity() -> DeviceIdentity? {
  let (product, name) = (Array("pk".utf8), Array("device".utf8))
  return try? DeviceIdentity(productKey: product.span, deviceName: name.span)
}

private func copied(_ span: Span<UInt8>) -> [UInt8] {
  var bytes: [UInt8] = []
  for index in span.indices { bytes.append(span[index]) }
  return bytes
}

private func check(_ downlink: Downlink, _ message: Span<UInt8>, _ push: inout FirmwarePush) {
  let contents = downlink.contents
  precondition(contents.lowerBound >= 0 && contents.upperBound <= message.count, "out of bounds")
  if downlink.isBytes {
    precondition(contents == 0..<message.count, "bytes that are not all of them")
    return
  }
  guard !contents.isEmpty else { return }
  var reader = downlink.reader(message)
  do throws(JSONError) {
    while try reader.next() != nil {}
  } catch {
    preconditionFailure("contents that are no value of JSON")
  }
  if downlink.kind == .firmware {
    _ = push.decide(downlink.reader(message), running: Span())
  }
  guard downlink.request == .propertySet else { return }
  var buffer = [UInt8](repeating: 0, count: 2_048)
  do throws(AlinkError) {
    var post = try AlinkRequest<PropertyPost, JSONWriter>(buffer.mutableSpan, id: 1)
    try post.add(setBy: downlink, in: message)
    let count = try post.finish()
    isObject(buffer.span.extracting(0..<count))
  } catch {
    precondition(error != .unreadable, "a request that was checked cannot be read")
  }
}

private func check(_ answer: DownlinkAnswer) {
  var buffer = [UInt8](repeating: 0, count: 512)
  var output = ByteWriter(buffer.mutableSpan)
  do throws(CapacityError) {
    try answer.writePayload(into: &output)
  } catch {
    preconditionFailure("an answer has at most 240 bytes")
  }
  let count = output.count
  isObject(buffer.span.extracting(0..<count))
  let topic = answer.topic.bytes
  precondition(topic.count > 15 && topic[0] == UInt8(ascii: "/"), "an answer to nowhere")
}

private func isObject(_ text: Span<UInt8>) {
  var reader = JSONReader(received: text)
  do throws(JSONError) {
    guard try reader.next() == .beginObject else { preconditionFailure("no object") }
    while try reader.next() != nil {}
  } catch {
    preconditionFailure("what is sent is JSON")
  }
}

private func answer(
  _ dispatcher: inout DownlinkDispatcher<4>,
  _ number: UInt32,
  _ data: Span<UInt8>,
  _ open: inout [UInt32],
  _ now: Instant
) {
  var topic = [UInt8](repeating: 0, count: 128)
  var message = [UInt8](repeating: 0, count: 256)
  var to = ByteWriter(topic.mutableSpan)
  var output = ByteWriter(message.mutableSpan)
  var isAnswered = true
  do throws(DownlinkAnswerError) {
    try dispatcher.answer(number, .success, data: data, topic: &to, message: &output, at: now)
  } catch {
    isAnswered = false
  }
  if !isAnswered {
    do throws(DownlinkAnswerError) {
      try dispatcher.answer(number, bytes: data, topic: &to, message: &output, at: now)
      isAnswered = true
    } catch {
      precondition(to.count == 0 && output.count == 0, "an answer that was refused left something")
      return
    }
  } else {
    isObject(output.written)
  }
  precondition(open.contains(number), "an answer to what was not open")
  open.removeAll { $0 == number }
}

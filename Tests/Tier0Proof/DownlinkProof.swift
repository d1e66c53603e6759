// SPDX-License-Identifier: Apache-2.0
internal import Alink
package import ConstrainedCore
internal import PayloadCoding
package import Platform

/// A message that the platform sends, through everything that a device does with it.
///
/// Returns a count of bytes or a negative number.
package func proveDownlinks(
  _ topic: Span<UInt8>,
  _ message: Span<UInt8>,
  _ model: Span<UInt8>,
  _ device: DeviceIdentity,
  answerTopic: inout ByteWriter,
  answer: inout ByteWriter
) -> Int {
  var settings = DownlinkSettings()
  settings.taken.remove(.customCall)
  var dispatcher = DownlinkDispatcher<4>(device, settings: settings, firstNumber: 1)
  let now = Instant(milliseconds: 0)
  var filters = DownlinkFilters(.gateway)
  while (try? filters.next(of: device, into: &answerTopic)) != nil {}
  var verdict = dispatcher.handle(topic: topic, message: message, subDevice: device, at: now)
  do throws(ThingModelError) {
    let model = try ThingModelView(model)
    verdict = dispatcher.handle(topic: topic, message: message, model: model, at: now)
    var request = FixedBytes<256>()
    try? request.fill { (storage: consuming MutableSpan<UInt8>) throws(AlinkError) -> Int in
      var get = try AlinkRequest<DesiredGet, JSONWriter>(storage, id: 1)
      try get.add(settableOf: model)
      return try get.finish()
    }
  } catch {
    return -1
  }
  switch verdict {
  case .request(let downlink):
    do throws(DownlinkAnswerError) {
      let number = downlink.number
      try dispatcher.answer(number, .success, topic: &answerTopic, message: &answer, at: now)
      if dispatcher.answerWasLost(number, at: now) {
        try dispatcher.answer(
          number,
          bytes: message,
          topic: &answerTopic,
          message: &answer,
          at: now
        )
      }
    } catch {
      return -2
    }
    return sequel(downlink, message)
  case .notice(let downlink, let given):
    try? given?.writePayload(into: &answer)
    var push = FirmwarePush()
    guard push.decide(downlink.reader(message), running: topic) == .start else { return -3 }
    push.finished()
    push.failed()
  case .refused(let given, let fault):
    try? given.writePayload(into: &answer)
    if fault.code == nil { return -4 }
  case .dropped: return -5
  }
  while let expired = dispatcher.pollExpired(at: dispatcher.pollTimeout() ?? now) {
    try? expired.answer?.writePayload(into: &answer)
  }
  return dispatcher.standing == .deleted ? dispatcher.openCount : answer.count
}

/// The post of what was set, and the request that clears desired values.
private func sequel(_ downlink: Downlink, _ message: Span<UInt8>) -> Int {
  var payload = FixedBytes<1_024>()
  do throws(AlinkError) {
    try payload.fill { (storage: consuming MutableSpan<UInt8>) throws(AlinkError) -> Int in
      var post = try AlinkRequest<PropertyPost, JSONWriter>(storage, id: 1)
      try post.add(setBy: downlink, in: message, time: 1)
      return try post.finish()
    }
    try payload.fill { (storage: consuming MutableSpan<UInt8>) throws(AlinkError) -> Int in
      var clear = try AlinkRequest<DesiredDelete, JSONWriter>(storage, id: 1)
      var values = DesiredValues(downlink.reader(message))
      while let value = try? values.next() { try clear.add(clearing: value) }
      return try clear.finish()
    }
  } catch {
    return -6
  }
  return payload.count
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceDownlinks
internal import DeviceDriver
internal import DurableReports
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import ReportLink

/// What the device tells the platform past the outbox: the next connect brings it again.
extension HeldDevice {
  /// Tells what the configuration asks for after each connect.
  mutating func tell(at now: Instant) {
    if !version.isEmpty { _ = tellVersion(at: now) }
    if !desired.isEmpty { askForDesired(at: now) }
  }

  /// Tells which firmware runs; whether it was sent.
  mutating func tellVersion(at now: Instant) -> Bool {
    var storage = InlineArray<512, UInt8>(repeating: 0)
    do throws(AlinkError) {
      var request = try AlinkRequest<FirmwareInform, JSONWriter>(storage.mutableSpan, id: newID())
      try request.version(version.bytes)
      let topic = try request.topic(of: identity)
      let count = try request.finish()
      return send(topic, storage.span.extracting(0..<count), at: now)
    } catch {
      // Names and version were checked.
      return false
    }
  }

  /// Tells how far an upgrade is, or why it goes no further; whether it was sent.
  mutating func tellProgress(
    _ step: FirmwareStep,
    _ description: Span<UInt8> = Span(),
    at now: Instant
  ) throws(AlinkError) -> Bool {
    var storage = InlineArray<1_024, UInt8>(repeating: 0)
    var request = try AlinkRequest<FirmwareProgress, JSONWriter>(storage.mutableSpan, id: newID())
    try request.progress(step, description: description)
    let topic = try request.topic(of: identity)
    let count = try request.finish()
    return send(topic, storage.span.extracting(0..<count), at: now)
  }

  private mutating func askForDesired(at now: Instant) {
    var storage = InlineArray<2_048, UInt8>(repeating: 0)
    let id = newID()
    do throws(AlinkError) {
      let (count, topic) = try writeDesired(
        desired.bytes,
        of: identity,
        id: id,
        into: storage.mutableSpan
      )
      _ = send(topic, storage.span.extracting(0..<count), at: now)
    } catch {
      // The names were checked.
    }
  }

  private mutating func newID() -> UInt32 { UInt32(truncatingIfNeeded: random.next() >> 33) }

  private mutating func send(_ topic: Topic, _ payload: Span<UInt8>, at now: Instant) -> Bool {
    driver.reports.send(
      topic: topic.bytes.bytes,
      payload: payload,
      quality: .atLeastOnce,
      at: now
    )
  }
}

/// Writes the request for the desired values of properties, whose names have commas between them; its
/// length and topic.
func writeDesired(
  _ names: Span<UInt8>,
  of identity: DeviceIdentity,
  id: UInt32,
  into storage: consuming MutableSpan<UInt8>
) throws(AlinkError) -> (Int, Topic) {
  var request = try AlinkRequest<DesiredGet, JSONWriter>(storage, id: id)
  var start = 0
  while start < names.count {
    var end = start
    while end < names.count, names[end] != UInt8(ascii: ",") { end += 1 }
    try request.add(names.extracting(names.trimmed(start..<end)))
    start = end + 1
  }
  let count = try request.finish()
  return (count, try request.topic(of: identity))
}

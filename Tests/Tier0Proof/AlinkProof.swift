// SPDX-License-Identifier: Apache-2.0
internal import Alink
package import ConstrainedCore
internal import PayloadCoding
package import Platform

/// Every kind of request; `topic` takes their topics.
///
/// Returns the bytes written or a negative number.
package func proveAlink(
  _ name: Span<UInt8>,
  _ device: DeviceIdentity,
  topic: inout ByteWriter
) -> Int {
  do throws(AlinkError) {
    let count = try reports(name, device, topic: &topic)
    return count + (try lists(name, device, topic: &topic))
  } catch {
    return -1
  }
}

private func made<Kind: AlinkKind>(
  _ kind: Kind.Type,
  _ device: DeviceIdentity,
  topic: inout ByteWriter,
  _ build: (inout AlinkRequest<Kind, JSONWriter>) throws(AlinkError) -> Void
) throws(AlinkError) -> Int {
  var payload = FixedBytes<1_024>()
  try payload.fill { (storage: consuming MutableSpan<UInt8>) throws(AlinkError) -> Int in
    var request = try AlinkRequest<Kind, JSONWriter>(storage, id: 1)
    try build(&request)
    let count = try request.finish()
    do throws(CapacityError) {
      try request.writeTopic(of: device, into: &topic)
    } catch {
      throw .capacity
    }
    return count
  }
  return payload.count
}

private func reports(
  _ name: Span<UInt8>,
  _ device: DeviceIdentity,
  topic: inout ByteWriter
) throws(AlinkError) -> Int {
  var batch = PropertyBatch<JSONWriter>()
  try batch.add("a", time: 1) { (w: inout JSONWriter) throws(CapacityError) in try w.null() }
  let cost = try batch.cost(ofAdding: name) { (w: inout JSONWriter) throws(CapacityError) in
    try w.integer(1)
  }
  var count = cost?.blocks ?? 0
  count += try made(PropertyPost.self, device, topic: &topic) { post throws(AlinkError) in
    try post.add(batch)
    try post.add("b") { (w: inout JSONWriter) throws(CapacityError) in try w.boolean(true) }
  }
  batch.removeAll()
  count += try made(EventPost.self, device, topic: &topic) { post throws(AlinkError) in
    try post.event(name, time: 1) { (w: inout JSONWriter) throws(CapacityError) in
      try w.key("a")
      try w.integer(1)
    }
  }
  count += try made(PackPost.self, device, topic: &topic) { pack throws(AlinkError) in
    try pack.property("a", time: 1) { (w: inout JSONWriter) throws(CapacityError) in try w.null() }
    try pack.event("b", time: 1) { (_: inout JSONWriter) throws(CapacityError) in }
    try pack.subDevice(productKey: name, deviceName: name)
  }
  return count
}

private func lists(
  _ name: Span<UInt8>,
  _ device: DeviceIdentity,
  topic: inout ByteWriter
) throws(AlinkError) -> Int {
  var count = 0
  count += try made(DesiredGet.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add("a")
  }
  count += try made(DesiredDelete.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add("a", version: 1)
  }
  count += try made(TagUpdate.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(key: "a", value: name)
  }
  count += try made(TagDelete.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(key: "a")
  }
  count += try made(ConfigurationGet.self, device, topic: &topic) { _ throws(AlinkError) in }
  count += try made(ThingModelGet.self, device, topic: &topic) { _ throws(AlinkError) in }
  count += try made(TopologyGet.self, device, topic: &topic) { _ throws(AlinkError) in }
  count += try made(TopologyAdd.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(device, proof: SubDeviceRequest(timestamp: 1), signature: name)
  }
  count += try made(TopologyDelete.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(productKey: name, deviceName: name)
  }
  count += try made(DeviceFound.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(productKey: name, deviceName: name)
  }
  count += try made(SubDeviceRegister.self, device, topic: &topic) { request throws(AlinkError) in
    try request.add(productKey: name, deviceName: name)
  }
  count += try made(FirmwareInform.self, device, topic: &topic) { request throws(AlinkError) in
    try request.version(name)
  }
  count += try made(FirmwareRequest.self, device, topic: &topic) { request throws(AlinkError) in
    try request.version(name)
  }
  count += try made(FirmwareProgress.self, device, topic: &topic) { request throws(AlinkError) in
    try request.progress(.percent(1), description: name)
  }
  return count
}

/// A message of the platform, and the device's answer.
///
/// Returns the answer's bytes or a negative number.
package func proveAlinkMessages(
  _ message: Span<UInt8>,
  _ device: DeviceIdentity,
  into storage: consuming MutableSpan<UInt8>,
  topic: inout ByteWriter
) -> Int {
  var writer = JSONWriter(storage)
  do throws(AlinkMessageError) {
    let view = try AlinkMessageView<JSONReader>(message)
    guard let data = view.data else { return -1 }
    var desired = DesiredValues(data)
    while let value = try desired.next() {
      if value.version == 1 { break }
    }
    var entries = DeviceEntries(data)
    while let entry = try entries.next() {
      if entry.deviceSecret.isEmpty { break }
    }
    let offer = try FileOffer(firmware: data)
    if try FileOffer(configuration: data).size == offer.size { return -2 }
    if try FileOffer(subDevices: data).size == offer.size { return -2 }
    if try FileOffer.isNothing(data) { return -2 }
    var names = PropertyNames(data)
    while let name = try names.next() {
      if name.isEmpty { break }
    }
    guard let code = view.code, code.isSuccess, let id = view.id else { return -3 }
    do throws(CapacityError) {
      let reply = DeviceReplyCode(rawValue: code.rawValue) ?? .success
      try AlinkReply.write(id: id, code: reply, into: &writer) {
        (json: inout JSONWriter) throws(CapacityError) in
        try json.key("a")
        try json.integer(1)
      }
      let method = try? DownlinkMethod(offer.version.bytes)
      try method?.writeReplyTopic(of: device, into: &topic)
    } catch {
      return -4
    }
  } catch {
    return -5
  }
  return writer.count
}

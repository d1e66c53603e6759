// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Platform

/// What the typed calls make of a request that the guide prints, from device `device` of product `pk`.
struct GuideRequest {
  let payload: [UInt8]
  let topic: String
}

/// When the guide's reports are made.
private let time: UInt64 = 1_524_448_722_000

/// The calls for the guide's requests, in one format.
enum GuideRequests<Writer: PayloadWriter & ~Copyable & ~Escapable> {
  /// The request of an example; `nil` when there is no call for it.
  static func made(_ key: String) throws -> GuideRequest? {
    switch key {
    case "4 inform-request": try inform(version: "xxxxxxxx")
    case "6.11 inform-request": try inform(version: "1.0.1")
    case "4 progress-request": try progress(.percent(1), " xxxxxxxx ")
    case "6.11 progress-request":
      try progress(.failed(.upgrade), "固件升级失败, 请求不到固件信息")
    case "6.11 firmware-request": try firmwareRequest()
    case "6.2 sub-register-request": try register()
    case "6.3 topo-add-request": try addToTopology()
    case "6.3 topo-delete-request": try deleteFromTopology()
    case "6.3 topo-get-request": try finished(TopologyGet.self) { _ throws(AlinkError) in }
    case "6.3 list-found-request": try found()
    case "6.5 property-post-request": try properties()
    case "6.5 event-post-request": try event("alarm", [("Power", "on"), ("WF", "2")])
    case "6.5 alarm-post-request": try event("alarm", [("errorCode", "error")])
    case "6.5 pack-post-request": try pack()
    case "6.6 desired-get-request": try desiredGet()
    case "6.6 desired-delete-request": try desiredDelete()
    case "6.9 tag-update-request": try tagUpdate()
    case "6.9 tag-delete-request": try tagDelete()
    case "6.10 thing-model-get-request":
      try finished(ThingModelGet.self) { _ throws(AlinkError) in }
    case "6.12 configuration-get-request":
      try finished(ConfigurationGet.self) { _ throws(AlinkError) in }
    default: nil
    }
  }

  private static func inform(version: String) throws -> GuideRequest {
    let version = bytes(version)
    return try finished(FirmwareInform.self, id: 1) { inform throws(AlinkError) in
      try inform.version(version.span)
    }
  }

  private static func firmwareRequest() throws -> GuideRequest {
    let version = bytes("1.0.1")
    return try finished(FirmwareRequest.self, id: 1) { request throws(AlinkError) in
      try request.version(version.span)
    }
  }

  private static func progress(_ step: FirmwareStep, _ description: String) throws -> GuideRequest {
    let description = bytes(description)
    return try finished(FirmwareProgress.self, id: 1) { progress throws(AlinkError) in
      try progress.progress(step, description: description.span)
    }
  }

  private static func register() throws -> GuideRequest {
    let (product, name) = (bytes("123456554"), bytes("deviceName1234"))
    return try finished(SubDeviceRegister.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
  }

  private static func deleteFromTopology() throws -> GuideRequest {
    let (product, name) = (bytes("123456554"), bytes("deviceName1234"))
    return try finished(TopologyDelete.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
  }

  private static func found() throws -> GuideRequest {
    let (product, name) = (bytes("1234556554"), bytes("deviceName1234"))
    return try finished(DeviceFound.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
  }

  private static func addToTopology() throws -> GuideRequest {
    let (product, name, client) = (bytes("1234556554"), bytes("deviceName1234"), bytes("xxxxxx"))
    let device = try DeviceIdentity(
      productKey: product.span,
      deviceName: name.span,
      clientID: client.span
    )
    let signature: [UInt8] = [0xAB, 0xCD, 0x01]
    return try finished(TopologyAdd.self) { request throws(AlinkError) in
      try request.add(
        device,
        proof: SubDeviceRequest(signMethod: .hmacSHA1, timestamp: time),
        signature: signature.span
      )
    }
  }

  private static func properties() throws -> GuideRequest {
    try finished(PropertyPost.self) { post throws(AlinkError) in
      try post.add("Power", time: time) { (w: inout Writer) throws(CapacityError) in
        try w.string("on")
      }
      try post.add("WF", time: time) { (w: inout Writer) throws(CapacityError) in
        try w.decimal(236, fractionDigits: 1)
      }
    }
  }

  private static func event(
    _ identifier: String,
    _ members: [(StaticString, StaticString)]
  ) throws -> GuideRequest {
    let identifier = bytes(identifier)
    return try finished(EventPost.self) { post throws(AlinkError) in
      try post.event(identifier.span, time: time) { (w: inout Writer) throws(CapacityError) in
        for (name, value) in members {
          try w.key(name)
          try w.string(value)
        }
      }
    }
  }

  private static func pack() throws -> GuideRequest {
    try finished(PackPost.self) { pack throws(AlinkError) in try guidePack(&pack) }
  }

  private static func desiredGet() throws -> GuideRequest {
    try finished(DesiredGet.self) { get throws(AlinkError) in
      try get.add("power")
      try get.add("temperature")
    }
  }

  private static func desiredDelete() throws -> GuideRequest {
    try finished(DesiredDelete.self) { delete throws(AlinkError) in
      try delete.add("power", version: 1)
      try delete.add("temperature")
    }
  }

  private static func tagUpdate() throws -> GuideRequest {
    let value = bytes("36.8")
    return try finished(TagUpdate.self) { update throws(AlinkError) in
      try update.add(key: "Temperature", value: value.span)
    }
  }

  private static func tagDelete() throws -> GuideRequest {
    try finished(TagDelete.self) { delete throws(AlinkError) in
      try delete.add(key: "Temperature")
    }
  }

  private static func finished<Kind: AlinkKind>(
    _ kind: Kind.Type,
    id: UInt32 = 123,
    _ build: (inout AlinkRequest<Kind, Writer>) throws(AlinkError) -> Void
  ) throws -> GuideRequest {
    let (product, name) = (bytes("pk"), bytes("device"))
    let device = try DeviceIdentity(productKey: product.span, deviceName: name.span)
    var buffer = [UInt8](repeating: 0xA5, count: 4_096)
    var topic = [UInt8](repeating: 0xA5, count: 128)
    var request = try AlinkRequest<Kind, Writer>(buffer.mutableSpan, id: id)
    try build(&request)
    let count = try request.finish()
    var writer = ByteWriter(topic.mutableSpan)
    try request.writeTopic(of: device, into: &writer)
    let length = writer.count
    return GuideRequest(
      payload: Array(buffer[..<count]),
      topic: String(decoding: topic[..<length], as: UTF8.self)
    )
  }
}

/// The guide's pack post: a gateway's properties and events, and the same of its sub-device `sub1`.
func guidePack<Writer: PayloadWriter & ~Copyable & ~Escapable>(
  _ pack: inout AlinkRequest<PackPost, Writer>
) throws(AlinkError) {
  for part in 0..<2 {
    if part == 1 {
      let (product, device) = (bytes("pk"), bytes("sub1"))
      try pack.subDevice(productKey: product.span, deviceName: device.span)
    }
    try pack.property("Power", time: time) { (w: inout Writer) throws(CapacityError) in
      try w.string("on")
    }
    try pack.property("WF", time: time) { (w: inout Writer) throws(CapacityError) in
      try w.beginObject()
      try w.endObject()
    }
    for name in ["alarmEvent1", "alertEvent2"] {
      let identifier = bytes(name)
      try pack.event(identifier.span, time: time) { (w: inout Writer) throws(CapacityError) in
        try w.key("param1")
        try w.string("on")
        try w.key("param2")
        try w.string("2")
      }
    }
  }
}

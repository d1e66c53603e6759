import Alink
import AliyunIoT
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Testing

/// The guide's own examples, white space apart.
@Suite("Device guide 4 and 6: requests")
struct AlinkRequestTests {
  private let time: UInt64 = 1_524_448_722_000

  @Test func `a property post is the guide's`() throws {
    let text = try json(PropertyPost.self) { post throws(AlinkError) in
      try post.add("Power", time: time) { (w: inout JSONWriter) throws(CapacityError) in
        try w.string("on")
      }
      try post.add("WF", time: time) { (w: inout JSONWriter) throws(CapacityError) in
        try w.decimal(236, fractionDigits: 1)
      }
    }
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":{"Power":{"value":"on","time":1524448722000},"#
        + #""WF":{"value":23.6,"time":1524448722000}},"method":"thing.event.property.post"}"#
    )
  }

  @Test(arguments: [
    (false, #"{"value":1}"#), (true, "1"),
  ])
  func `a property without a time is shorter, and a plain one shorter still`(
    isPlain: Bool,
    value: String
  ) throws {
    let text = try json(PropertyPost.self) { post throws(AlinkError) in
      post.usesPlainValues = isPlain
      try post.add("on") { (w: inout JSONWriter) throws(CapacityError) in try w.integer(1) }
    }
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":{"on":"# + value
        + #"},"method":"thing.event.property.post"}"#
    )
  }

  @Test func `an event post is the guide's, and names its topic`() throws {
    func build(
      _ post: inout AlinkRequest<EventPost, JSONWriter>
    ) throws(AlinkError) {
      try post.event("alarm", time: time) { (w: inout JSONWriter) throws(CapacityError) in
        try w.key("errorCode")
        try w.string("error")
      }
    }
    let text = try json(EventPost.self) { post throws(AlinkError) in try build(&post) }
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":{"value":{"errorCode":"error"},"#
        + #""time":1524448722000},"method":"thing.event.alarm.post"}"#
    )
    let topic = try topic(EventPost.self) { post throws(AlinkError) in try build(&post) }
    #expect(topic == "/sys/pk/device/thing/event/alarm/post")
  }

  @Test func `a pack post is the guide's`() throws {
    let text = try json(PackPost.self) { pack throws(AlinkError) in try guidePack(&pack) }
    let properties =
      #""properties":{"Power":{"value":"on","time":1524448722000},"#
      + #""WF":{"value":{},"time":1524448722000}}"#
    let event = #"{"value":{"param1":"on","param2":"2"},"time":1524448722000}"#
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":{"# + properties
        + #","events":{"alarmEvent1":"# + event + #","alertEvent2":"# + event + #"},"#
        + #""subDevices":[{"identity":{"productKey":"pk","deviceName":"sub1"},"# + properties
        + #","events":{"alarmEvent1":"# + event + #","alertEvent2":"# + event + #"}}]},"#
        + #""method":"thing.event.property.pack.post"}"#
    )
  }

  private func guidePack<Writer: PayloadWriter & ~Copyable & ~Escapable>(
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

  @Test func `desired values are asked for and cleared as in the guide`() throws {
    let get = try json(DesiredGet.self) { get throws(AlinkError) in
      try get.add("power")
      try get.add("temperature")
    }
    #expect(
      get
        == #"{"id":"123","version":"1.0","params":["power","temperature"],"#
        + #""method":"thing.property.desired.get"}"#
    )
    let delete = try json(DesiredDelete.self) { delete throws(AlinkError) in
      try delete.add("power", version: 1)
      try delete.add("temperature")
    }
    #expect(
      delete
        == #"{"id":"123","version":"1.0","params":{"power":{"version":1},"temperature":{}},"#
        + #""method":"thing.property.desired.delete"}"#
    )
  }

  @Test func `tags are set and deleted as in the guide`() throws {
    let value = bytes("36.8")
    let update = try json(TagUpdate.self) { update throws(AlinkError) in
      try update.add(key: "Temperature", value: value.span)
    }
    #expect(
      update
        == #"{"id":"123","version":"1.0","params":[{"attrKey":"Temperature","attrValue":"36.8"}],"#
        + #""method":"thing.deviceinfo.update"}"#
    )
    let delete = try json(TagDelete.self) { delete throws(AlinkError) in
      try delete.add(key: "Temperature")
    }
    #expect(
      delete
        == #"{"id":"123","version":"1.0","params":[{"attrKey":"Temperature"}],"#
        + #""method":"thing.deviceinfo.delete"}"#
    )
  }

  @Test func `configuration, thing model and topology are asked for as in the guide`() throws {
    let configuration = try json(ConfigurationGet.self) { _ throws(AlinkError) in }
    #expect(
      configuration
        == #"{"id":"123","version":"1.0","params":{"configScope":"product","getType":"file"},"#
        + #""method":"thing.config.get"}"#
    )
    let model = try json(ThingModelGet.self) { _ throws(AlinkError) in }
    #expect(
      model == #"{"id":"123","version":"1.0","params":{},"method":"thing.dsltemplate.get"}"#
    )
    let topology = try json(TopologyGet.self) { _ throws(AlinkError) in }
    #expect(topology == #"{"id":"123","version":"1.0","params":{},"method":"thing.topo.get"}"#)
  }

  @Test func `sub-devices are registered, found and deleted as in the guide`() throws {
    let (product, name) = (bytes("123456554"), bytes("deviceName1234"))
    let list = #"[{"deviceName":"deviceName1234","productKey":"123456554"}]"#
    func expected(_ method: String) -> String {
      #"{"id":"123","version":"1.0","params":"# + list + #","method":""# + method + #""}"#
    }
    let register = try json(SubDeviceRegister.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
    #expect(register == expected("thing.sub.register"))
    let delete = try json(TopologyDelete.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
    #expect(delete == expected("thing.topo.delete"))
    let found = try json(DeviceFound.self) { request throws(AlinkError) in
      try request.add(productKey: product.span, deviceName: name.span)
    }
    #expect(found == expected("thing.list.found"))
  }

  @Test func `a sub-device goes under its gateway with its proof`() throws {
    let (product, name, client) = (bytes("123456554"), bytes("deviceName1234"), bytes("xxxx"))
    let device = try DeviceIdentity(
      productKey: product.span,
      deviceName: name.span,
      clientID: client.span
    )
    let signature: [UInt8] = [0xAB, 0xCD, 0x01]
    let text = try json(TopologyAdd.self) { request throws(AlinkError) in
      try request.add(
        device,
        proof: SubDeviceRequest(signMethod: .hmacMD5, timestamp: time),
        signature: signature.span
      )
    }
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":[{"deviceName":"deviceName1234","#
        + #""productKey":"123456554","sign":"abcd01","signmethod":"hmacMd5","#
        + #""timestamp":"1524448722000","clientId":"xxxx"}],"method":"thing.topo.add"}"#
    )
  }

  /// The table asks for a text as id, where the guide's examples have a number.
  @Test func `firmware is informed of, asked for and reported on`() throws {
    let version = bytes("1.0.1")
    let inform = try json(FirmwareInform.self, id: 1) { inform throws(AlinkError) in
      try inform.version(version.span)
    }
    #expect(inform == #"{"id":"1","params":{"version":"1.0.1"}}"#)
    let request = try json(FirmwareRequest.self, id: 1) { request throws(AlinkError) in
      try request.version(version.span)
    }
    #expect(request == inform)
    let why = bytes("固件升级失败")
    let progress = try json(FirmwareProgress.self, id: 1) { progress throws(AlinkError) in
      try progress.progress(.failed(.upgrade), description: why.span)
    }
    #expect(progress == #"{"id":"1","params":{"step":"-1","desc":"固件升级失败"}}"#)
  }

  @Test func `topics are those of the guide`() throws {
    let version = bytes("1")
    let inform = try topic(FirmwareInform.self) { request throws(AlinkError) in
      try request.version(version.span)
    }
    #expect(inform == "/ota/device/inform/pk/device")
    let request = try topic(FirmwareRequest.self) { request throws(AlinkError) in
      try request.version(version.span)
    }
    #expect(request == "/ota/device/request/pk/device")
    let progress = try topic(FirmwareProgress.self) { request throws(AlinkError) in
      try request.progress(.percent(100))
    }
    #expect(progress == "/ota/device/progress/pk/device")
    let configuration = try topic(ConfigurationGet.self) { _ throws(AlinkError) in }
    #expect(configuration == "/sys/pk/device/thing/config/get")
    let desired = try topic(DesiredGet.self) { get throws(AlinkError) in try get.add("a") }
    #expect(desired == "/sys/pk/device/thing/property/desired/get")
  }

  /// Every format by the same calls: only the writer's type differs.
  @Test func `CBOR says the same in fewer bytes`() throws {
    let cbor = try made(PackPost.self, as: CBORWriter.self) { pack throws(AlinkError) in
      try guidePack(&pack)
    }
    let text = try json(PackPost.self) { pack throws(AlinkError) in try guidePack(&pack) }
    #expect(try transcribed(cbor) == text)
    #expect(cbor.count < text.utf8.count)
  }

  @Test func `without room nothing but an error comes of it`() throws {
    let whole = try json(PackPost.self) { pack throws(AlinkError) in try guidePack(&pack) }
    for capacity in 0..<whole.utf8.count {
      #expect(throws: AlinkError.capacity) {
        _ = try json(PackPost.self, capacity: capacity) { pack throws(AlinkError) in
          try guidePack(&pack)
        }
      }
    }
  }
}

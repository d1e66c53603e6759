// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import TestSupport
import Testing

@Suite("RFC 8259 and device guide 6: replies are read by the grammar alone")
struct ReplyGrammarTests {
  private static let nested = String(repeating: "[", count: 40) + String(repeating: "]", count: 40)
  private static let digits = String(repeating: "9", count: 80)

  @Test(
    arguments: [
      (#"{"id":null,"code":200}"#, nil, nil), (#"{"id":"\#(digits)","code":200}"#, nil, 82),
      (#"{"id":\#(digits),"code":200}"#, nil, 80), (#"{"id":"123","code":200.0}"#, 123, 5),
      (#"{"id":123.0,"code":2e2}"#, 123, 5), (#"{"id":"123","code":2E+2}"#, 123, 5),
      (#"{"id":"123","code":20000e-2}"#, 123, 5), (#"{"id":1e400,"code":"200"}"#, nil, 5),
      (#"{"id":-1,"code":200}"#, nil, 2), (#"{"id":{"a":[1]},"code":200}"#, nil, 9),
      (#"{"id":true,"code":200,"data":1e400}"#, nil, 4),
      (#"{"id":"123","code":200,"data":\#(nested)}"#, 123, 5),
      (#"{"id":"123","code":200,"data":"\ud800","x":"\udfff","\ud800":1}"#, 123, 5),
      (#"{"code":200,"data":{"a":-1e999,"a":[1e400]},"x":null}"#, nil, nil),
      ("\t{ \"code\" : 200 ,\r\n\"id\" : \"123\" }\n", 123, 5),
    ] as [(String, UInt64?, Int?)]
  )
  func `whatever the grammar allows is read`(json: String, id: UInt64?, idCount: Int?) throws {
    let message = bytes(json)
    let view = try AlinkMessageView<JSONReader>(message.span)
    #expect(view.id == id)
    #expect(view.idRange?.count == idCount)
    #expect(view.code == .success)
  }

  @Test func `a reply without a code, or with null, has none`() throws {
    for json in ["{}", #"{"code":null}"#, #"{"id":"1","data":{}}"#] {
      let message = bytes(json)
      let view = try AlinkMessageView<JSONReader>(message.span)
      #expect(view.code == nil)
    }
  }

  @Test func `CBOR lies up to 128 deep, and its code may be a float`() throws {
    // {"code": 200.0, "data": [[…]]}
    let open = String(repeating: "81", count: 126)
    let message = hex("a2 64 636f6465 f95a40 64 64617461" + open + "80")
    let view = try AlinkMessageView<CBORReader>(message.span)
    #expect(view.code == .success)
    let deeper = hex("a2 64 636f6465 f95a40 64 64617461" + open + "8180")
    #expect(throws: AlinkMessageError.malformed) {
      _ = try AlinkMessageView<CBORReader>(deeper.span)
    }
  }

  @Test(arguments: ["null", "{}"])
  func `null and an object without members hold no devices and no file`(data: String) throws {
    let json = bytes(data)
    var entries = DeviceEntries(JSONReader(received: json.span))
    for _ in 0..<2 {
      let isOver = try entries.next() == nil
      #expect(isOver)
    }
    #expect(try FileOffer.isNothing(JSONReader(received: json.span)))
    var values = DesiredValues(JSONReader(received: json.span))
    let hasValue = try values.next() != nil
    #expect(!hasValue)
  }

  @Test func `every error names its member`() {
    let members = (0...18).compactMap { AlinkMember(rawValue: UInt8($0)) }
    #expect(members.count == 19)
    #expect(Set(members.map(\.description)).count == 19)
    for member in members {
      for error in [AlinkMessageError.number(member), .repeated(member), .member(member)] {
        #expect(error.description.contains(member.description))
      }
    }
  }
}

@Suite("Device guide 6.2 to 6.7: what the platform sends beside replies")
struct PushReaderTests {
  @Test(arguments: [(#""sha256""#, true), (#""SHA256""#, true), (#""""#, true), (#""md5""#, false)])
  func `the configuration of sub-devices has a digest, SHA-256 by default`(
    method: String,
    isTaken: Bool
  ) throws {
    let digest = String(repeating: "0aF1", count: 16)
    let message = bytes(
      #"{"id":123,"version":"1.0","method":"thing.model.config.push","data":{"digest":"\#(digest)","#
        + #""digestMethod":\#(method),"url":"https://h/c"}}"#
    )
    let view = try AlinkMessageView<JSONReader>(message.span)
    let range = view.dataRange
    let data = try #require(range)
    let json = Array(message[data])
    guard isTaken else {
      #expect(throws: AlinkMessageError.member(.digestMethod)) {
        _ = try FileOffer(subDevices: JSONReader(received: json.span))
      }
      return
    }
    let offer = try FileOffer(subDevices: JSONReader(received: json.span))
    #expect(String(decoding: Array(offer.url), as: UTF8.self) == "https://h/c")
    #expect(offer.givenSize == nil && offer.version.isEmpty)
    let digits = bytes(digest)
    #expect(offer.digest == FirmwareDigest(hexadecimal: digits.span))
  }

  @Test(arguments: [
    (#"{"url":"u","digest":"00"}"#, AlinkMessageError.member(.digest)),
    (#"{"digest":"00"}"#, .member(.url)), (#"{"url":"u","url":"u"}"#, .repeated(.url)),
    // The guide prints it so, with nothing in it.
    (#"{"digest":"","digestMethod":"","url":""}"#, .member(.url)),
  ])
  func `one that cannot be verified is refused`(json: String, error: AlinkMessageError) {
    let data = bytes(json)
    #expect(throws: error) { _ = try FileOffer(subDevices: JSONReader(received: data.span)) }
  }

  @Test func `a request for properties lists their identifiers`() throws {
    for text in [#"["Power","temperature"]"#, "[]"] {
      let json = bytes(text)
      var names = PropertyNames(JSONReader(received: json.span))
      var found: [String] = []
      while let name = try names.next() {
        found.append(String(decoding: Array(name), as: UTF8.self))
      }
      #expect(found == (text == "[]" ? [] : ["Power", "temperature"]))
    }
    for (text, error) in [
      ("{}", AlinkMessageError.member(.parameters)), ("[1]", .member(.identifier)),
      (#"[""]"#, .member(.identifier)), (#"["a",]"#, .malformed),
      (#"["\#(String(repeating: "a", count: 65))"]"#, .member(.identifier)),
    ] {
      let json = bytes(text)
      #expect(throws: error) {
        var names = PropertyNames(JSONReader(received: json.span))
        while try names.next() != nil {}
      }
    }
  }
}

@Suite("Device guide 6: rules that cost no airtime")
struct RequestRuleTests {
  private func failure(_ body: () throws -> Void) -> AlinkError? {
    do {
      try body()
      return nil
    } catch {
      return error as? AlinkError
    }
  }

  @Test(arguments: [200, 400, 429, 460, 100_000, 110_000] as [UInt64])
  func `a device answers with the codes of 6.13`(number: UInt64) {
    #expect(DeviceReplyCode(rawValue: number)?.rawValue == number)
  }

  @Test(arguments: [0, 201, 401, 500, 1_000, 6_100, 99_999, 110_001, .max] as [UInt64])
  func `and with no others`(number: UInt64) {
    #expect(DeviceReplyCode(rawValue: number) == nil)
  }

  @Test(arguments: [(0, 200), (65, 460), (75, 429), (1, 400), (2, 400), (100, 400), (-1, 400)])
  func `the exit status of a command that answers says the code`(status: Int32, code: UInt64) {
    #expect(DeviceReplyCode(exitStatus: status).rawValue == code)
  }

  @Test func `a gateway neither adds nor registers itself`() throws {
    let (key, name) = (bytes("a1B2c3D4e5F"), bytes("gateway1"))
    let gateway = try DeviceIdentity(productKey: key.span, deviceName: name.span)
    let other = bytes("sensor1")
    let sensor = try DeviceIdentity(productKey: key.span, deviceName: other.span)
    let proof = SubDeviceRequest(timestamp: 1)
    for (device, expected) in [(gateway, AlinkError.ownSubDevice), (sensor, nil)] {
      #expect(
        failure {
          _ = try json(TopologyAdd.self) { add throws(AlinkError) in
            add.gateway = gateway
            try add.add(device, proof: proof, signature: key.span)
          }
        } == expected
      )
      let text = device == gateway ? name : other
      #expect(
        failure {
          _ = try json(SubDeviceRegister.self) { register throws(AlinkError) in
            register.gateway = gateway
            try register.add(productKey: key.span, deviceName: text.span)
          }
        } == expected
      )
      // Who has found itself has found a device.
      #expect(
        failure {
          _ = try json(DeviceFound.self) { found throws(AlinkError) in
            found.gateway = gateway
            try found.add(productKey: key.span, deviceName: text.span)
          }
        } == nil
      )
    }
  }

  @Test(arguments: [("ab-cd", true, false), ("ab:cd", true, false), ("ab_cd", true, true)])
  func `found devices and sub-devices have names by the rule that is set`(
    name: String,
    isCurrent: Bool,
    isGuides: Bool
  ) {
    let (key, text) = (bytes("pk"), bytes(name))
    for (rule, isAllowed) in [(DeviceNameRule.current, isCurrent), (.guide, isGuides)] {
      let expected: AlinkError? = isAllowed ? nil : .deviceName
      #expect(
        failure {
          _ = try json(DeviceFound.self) { found throws(AlinkError) in
            found.deviceNames = rule
            try found.add(productKey: key.span, deviceName: text.span)
          }
        } == expected
      )
      #expect(
        failure {
          _ = try json(PackPost.self) { pack throws(AlinkError) in
            pack.deviceNames = rule
            try pack.subDevice(productKey: key.span, deviceName: text.span)
          }
        } == expected
      )
    }
  }

  @Test(arguments: [
    ("二〇二四", true), ("温度", true), ("㐀", true), ("豈", true), ("𠀀", true), ("a-b_c.1", true),
    ("々", false), ("〡", false), ("⺀", false), ("ア", false), ("한", false), ("Ａ", false),
    ("é", false),
    ("。", false), ("a b", false), ("", false),
  ])
  func `a tag's value has ideographs, the zero of dates and English letters`(
    value: String,
    isAllowed: Bool
  ) {
    let text = bytes(value)
    #expect(
      failure {
        _ = try json(TagUpdate.self) { update throws(AlinkError) in
          try update.add(key: "k", value: text.span)
        }
      } == (isAllowed ? nil : .tagValue)
    )
  }
}

@Suite("Device guide 6.5: packs and services against their models")
struct PackModelTests {
  private static let gateway = #"""
    {"properties":[{"identifier":"p","accessMode":"rw","dataType":{"type":"int","specs":{"max":"9"}}},
      {"identifier":"w","accessMode":"w","dataType":{"type":"int"}}],
    "events":[{"identifier":"alarm","outputData":[
      {"identifier":"code","required":true,"dataType":{"type":"text","specs":{"length":"3"}}}]}],
    "services":[{"identifier":"SetWeight","inputData":[
      {"identifier":"NewWeight","required":true,
        "dataType":{"type":"double","specs":{"max":"200","step":"1"}}}],"outputData":""},
      {"identifier":"Reset","inputData":""}]}
    """#

  private func pack(_ parameters: String) -> String {
    #"{"id":"1","version":"1.0","params":\#(parameters),"method":"x"}"#
  }

  private func both(
    _ payload: String,
    _ subject: ThingModelSubject
  ) throws -> ThingModelError? {
    let rules = ThingModelRules()
    let found = modelError(payload, Self.gateway, subject, rules: rules)
    let cbor = try modelErrorInCBOR(payload, Self.gateway, subject, rules: rules)
    #expect((found == nil) == (cbor == nil), "\(payload)")
    return found
  }

  @Test(arguments: [
    (
      #"{"properties":{"p":{"value":1,"time":1}},"events":{"alarm":{"value":{"code":"E1"},"time":1}}}"#,
      true
    ),
    (#"{"properties":{"p":{"value":10,"time":1}}}"#, false),
    (#"{"properties":{"w":{"value":1,"time":1}}}"#, false),
    (#"{"properties":{"q":{"value":1,"time":1}}}"#, false),
    (#"{"properties":[]}"#, false), (#"{"events":[]}"#, false),
    (#"{"events":{"alarm":{"value":{},"time":1}}}"#, false),
    (#"{"events":{"none":{"value":{},"time":1}}}"#, false),
    (#"{"events":{"alarm":{"value":{"code":"long"},"time":1}}}"#, false),
    (
      #"{"subDevices":[{"identity":{"productKey":"b","deviceName":"d"},"properties":{"q":{"value":1}}}]}"#,
      true
    ),
    ("{}", true),
  ])
  func `the gateway's part is checked`(parameters: String, isGood: Bool) throws {
    #expect((try both(pack(parameters), .pack) == nil) == isGood)
  }

  @Test(arguments: [
    (
      #"{"identity":{"deviceName":"d","productKey":"b"},"properties":{"p":{"value":1,"time":1}}}"#,
      true
    ),
    (#"{"properties":{"p":{"value":10,"time":1}},"identity":{"productKey":"b"}}"#, false),
    (#"{"identity":{"productKey":"b"},"events":{"alarm":{"value":{},"time":1}}}"#, false),
    (#"{"identity":{"productKey":"b"},"properties":{"q":{"value":1}}}"#, false),
    // Of other products, and of none.
    (#"{"identity":{"productKey":"c"},"properties":{"q":{"value":1}}}"#, true),
    (#"{"identity":{"deviceName":"b"},"properties":{"q":{"value":1}}}"#, true),
    (#"{"properties":{"q":{"value":1}}}"#, true),
  ])
  func `a sub-device's part is checked by its product's model`(entry: String, isGood: Bool) throws {
    let good = #"{"identity":{"productKey":"b"},"properties":{"p":{"value":1}}}"#
    let whole = pack(#"{"properties":{"q":{"value":1}},"subDevices":[\#(good),\#(entry)]}"#)
    #expect((try both(whole, .packOf("b")) == nil) == isGood)
  }

  @Test(arguments: [
    ("SetWeight", #"{"NewWeight":100.8}"#, true), ("SetWeight", #"{"NewWeight":201}"#, false),
    ("SetWeight", "{}", false), ("SetWeight", #"{"NewWeight":1,"x":1}"#, false),
    ("SetWeight", "[]", false), ("Reset", "{}", true), ("Reset", #"{"x":1}"#, false),
    ("Other", "{}", false),
  ])
  func `a service's call is checked against its inputData`(
    service: String,
    parameters: String,
    isGood: Bool
  ) throws {
    #expect((try both(pack(parameters), .call(service)) == nil) == isGood)
  }

  @Test(
    arguments: [
      (#"["p","w"]"#, nil), ("[]", nil), (#"["p","q"]"#, .unlistedIdentifier(offset: 40)),
      ("[1]", .unlistedIdentifier(offset: 36)), ("{}", .notARequest(offset: 35)),
    ] as [(String, ThingModelError?)]
  )
  func `a request for properties names those of the model`(
    parameters: String,
    expected: ThingModelError?
  ) throws {
    #expect(try both(pack(parameters), .propertyGet) == expected)
  }

  @Test func `an inputData that is none is refused with the model`() {
    let model = #"{"services":[{"identifier":"s","inputData":[{"identifier":"a"}]}]}"#
    #expect(modelError("{}", model) == .modelShape(offset: 44))
  }

  @Test(arguments: [
    // Four characters of three bytes each.
    (#"{"type":"text","specs":{"length":"4"}}"#, #""温温温温""#, true, false),
    (#"{"type":"text","specs":{"length":"4"}}"#, #""温温温温温""#, true, true),
    (#"{"type":"text","specs":{"length":"4"}}"#, #""\u6e29😀😀😀""#, true, false),
    (#"{"type":"text","specs":{"length":"4"}}"#, #""温温""#, false, true),
    (#"{"type":"array","specs":{"size":"2","item":{"type":"int"}}}"#, "[1,2]", true, false),
    (#"{"type":"array","specs":{"size":"2","item":{"type":"int"}}}"#, "[1]", true, true),
    (#"{"type":"array","specs":{"size":"2","item":{"type":"int"}}}"#, "[]", true, true),
    (#"{"type":"array","specs":{"size":"2","item":{"type":"int"}}}"#, "[1]", false, false),
  ])
  func `lengths count characters, and sizes are exact, where they are to be`(
    type: String,
    value: String,
    isOther: Bool,
    isRefused: Bool
  ) throws {
    var rules = ThingModelRules()
    if isOther {
      rules.textLength = .characters
      rules.arraySize = .exact
    }
    let model = ThingModelFixtures.model(type)
    let payload = #"{"p":\#(value)}"#
    let found = modelError(payload, model, rules: rules)
    #expect((found != nil) == isRefused)
    let cbor = try modelErrorInCBOR(payload, model, rules: rules)
    #expect(brokenRule(cbor) == brokenRule(found))
  }
}

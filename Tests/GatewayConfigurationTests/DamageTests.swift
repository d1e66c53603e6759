// SPDX-License-Identifier: Apache-2.0
import Foundation
import GatewayConfiguration
import PayloadCoding
import PlatformCredentials
import TestSupport
import Testing

@Suite("Device guide 6.7: what is wrong in a gateway's configuration")
struct DamageTests {
  @Test func `a whole one has nothing wrong in it`() throws {
    let configuration = try GatewayConfiguration(Array(Plant.text.utf8))
    #expect(configuration.problems() == [])
    #expect(configuration.passwordProblems(secret: Plant.secret) == [])
    guard case .modbus(let points)? = configuration.product("a1Meter")?.mapping else {
      Issue.record("no Modbus")
      return
    }
    #expect(points[0].address == 16)
    #expect(points[0].registerCount == 2)
    #expect(points[0].reversesRegisters)
    #expect(points[0].scaling == 0.1)
    guard case .opcUA(let server)? = configuration.server("S3")?.channel else {
      Issue.record("no OPC UA")
      return
    }
    let password = try server.password(secret: Plant.secret)
    #expect(String(decoding: password, as: UTF8.self) == "test123")
  }

  /// What is changed, into what, the place where it shows, and its sentence.
  static let unreadable: [(String, String, String, String)] = [
    (
      #""registerAddress": "0x10""#, #""registerAddress": "0x1G""#,
      "modelList[0].properties[0].registerAddress",
      #""0x1G" is no address of a register: give 0 to 65535, or 0x0 to 0xFFFF"#
    ),
    (
      #""registerAddress": "3""#, #""registerAddress": "65536""#,
      "modelList[0].properties[1].registerAddress",
      #""65536" is no address of a register: give 0 to 65535, or 0x0 to 0xFFFF"#
    ),
    (
      #""operateType": "holdingRegister""#, #""operateType": "holding""#,
      "modelList[0].properties[0].operateType",
      #""holding" is not known: give coilStatus, inputStatus, holdingRegister or inputRegister"#
    ),
    (
      #""type": "uint32""#, #""type": "dword""#,
      "modelList[0].properties[0].originalDataType.type",
      #""dword" is not known: give int16, uint16, int32, uint32, int64, uint64, float, double, string, bool or customized data"#
    ),
    (
      #""registerCount": 2"#, #""registerCount": 126"#,
      "modelList[0].properties[0].originalDataType.specs.registerCount",
      "126 is outside 1 to 125"
    ),
    (
      #""reverseRegister": 1"#, #""reverseRegister": true"#,
      "modelList[0].properties[0].originalDataType.specs.reverseRegister",
      "this must be a whole number"
    ),
    (
      #""trigger": 2"#, #""trigger": 3"#, "modelList[0].properties[1].trigger",
      "3 is outside 1 to 2"
    ),
    (
      #""pollingTime": 500"#, #""pollingTime": 0"#, "modelList[0].properties[1].pollingTime",
      "0 is outside 1 to 86400000"
    ),
    (
      #""scaling": 0.1"#, #""scaling": 0"#, "modelList[0].properties[0].scaling",
      "this must be a number other than 0"
    ),
    (
      #""identifier": "speed", "displayName": "Spindle""#, #""identifier": "speed""#,
      "modelList[1].properties[0]",
      "a property has registerAddress (Modbus), displayName (OPC UA) or customize, and this one has none of them"
    ),
    (
      #""identifier": "alarm", "operateType": "inputStatus", "registerAddress": "3","#,
      #""identifier": "alarm", "customize": {},"#, "modelList[0].properties[1]",
      "this property belongs to another protocol than the first one of the product: a product has one"
    ),
    (
      #"{"identifier": "delay", "index": 0}"#, #"{"identifier": "delay"}"#,
      "modelList[1].services[0].inputData[0]", "index is missing"
    ),
    (
      #""customize": {"offset": [1, 2]}"#, #""customize": 7"#,
      "modelList[2].properties[0].customize", "this must be an object"
    ),
    (
      #""protocol": "RTU""#, #""protocol": "ASCII""#, "serverList[0].protocol",
      #""ASCII" is not known: give RTU or TCP"#
    ),
    (
      #""parity": "E""#, #""parity": "M""#, "serverList[0].parity",
      #""M" is not known: give E, O or N"#
    ),
    (
      #""port": 502"#, #""port": 65536"#, "serverList[1].port", "65536 is outside 1 to 65535"
    ),
    (
      #""ip": "192.168.0.1", "#, "", "serverList[1]", "ip is missing"
    ),
    (
      #""secPolicy": "Basic256""#, #""secPolicy": "Basic512""#, "serverList[2].secPolicy",
      #""Basic512" is not known: give None, Basic128Rsa15 or Basic256"#
    ),
    (
      #""secMode": "Sign""#, #""secMode": 5"#, "serverList[2].secMode",
      #""5" is not known: give None, Sign or SignAndEncrypt"#
    ),
    (
      #""url": "opc.tcp://10.0.0.2:4840", "#, "", "serverList[2]",
      "a server has protocol (Modbus) or url (OPC UA), and this one has neither"
    ),
    (
      #""serverId": "S2", "name""#, #""serverId": "", "name""#, "serverList[1].serverId",
      "this must not be empty"
    ),
    (
      #""deviceName": "mill""#, #""deviceName": "m""#, "deviceList[2].deviceName",
      #""m" is no device name: 4 to 32 letters, digits and _ @ . - : (device guide 6.3)"#
    ),
    (
      #"{"slaveId": 1, "serverId": "S1"}"#, #"{"slaveId": 256, "serverId": "S1"}"#,
      "deviceList[0].deviceConfig.slaveId", "256 is outside 0 to 255"
    ),
    (
      #"{"slaveId": 1, "serverId": "S2"}"#,
      #"{"slaveId": 1, "displayNamePath": "x", "serverId": "S2"}"#, "deviceList[1].deviceConfig",
      "slaveId is for Modbus and displayNamePath for OPC UA: leave one out"
    ),
    (
      #"{"productKey": "a1Radio", "deviceName""#, #"{"deviceName""#, "deviceList[3]",
      "productKey is missing"
    ),
    (
      #"[{"identifier": "speed", "accessMode": "r"}]"#, #""speed""#, "tslList[1].properties",
      "this must be an array"
    ),
    (
      #""serverList": ["#, #""modelList": ["#, "modelList",
      "the name modelList is in the object twice: leave one out"
    ),
    (
      #""name": "hall""#, #""name": "\#(String(repeating: "h", count: 513))""#,
      "serverList[1].name",
      "the text has 513 bytes, and at most 512 are read"
    ),
  ]

  @Test(arguments: unreadable)
  func `what cannot be read is named with its place`(
    part: String,
    with: String,
    path: String,
    sentence: String
  ) throws {
    let bytes = try Plant.damaged(part, with)
    let problem = try #require(throws: GatewayProblem.self) {
      _ = try GatewayConfiguration(bytes)
    }
    #expect(problem.place.path == path)
    #expect(problem.reason.description == sentence)
    #expect(problem.description == "\(path) (byte \(problem.place.offset)): \(sentence)")
    #expect(GatewayExamination(bytes).problems == [problem])
  }

  /// What is changed, into what, the place where it shows, and its sentence.
  static let unfitting: [(String, String, String, String)] = [
    (
      #"{"slaveId": 1, "serverId": "S2"}"#, #"{"slaveId": 1, "serverId": "S9"}"#, "deviceList[1]",
      "the server S9 is not in serverList: add it, or correct the id"
    ),
    (
      #"{"slaveId": 1, "serverId": "S2"}"#, #"{"slaveId": 1, "serverId": "S1"}"#, "deviceList[1]",
      "slaveId 1 is taken on this server, by deviceList[0]"
    ),
    (
      #"{"slaveId": 1, "serverId": "S1"}"#, #"{"slaveId": 248, "serverId": "S1"}"#, "deviceList[0]",
      "248 is no address of a device on a serial line, which are 1 to 247"
    ),
    (
      #"{"slaveId": 1, "serverId": "S1"}"#, #"{"serverId": "S1"}"#, "deviceList[0]",
      "the device's server needs its slaveId"
    ),
    (
      #""deviceName": "meter2""#, #""deviceName": "meter1""#, "deviceList[1]",
      "a1Meter meter1 is here a second time; the first is deviceList[0]"
    ),
    (
      #"{"productKey": "a1Radio", "deviceName": "node", "deviceConfig": {}}"#,
      #"{"productKey": "a1Other", "deviceName": "node", "deviceConfig": {}}"#, "deviceList[3]",
      "the product a1Other is not in modelList: nothing says how to read its devices"
    ),
    (
      #""productKey": "a1Meter", "deviceName": "meter2""#,
      #""productKey": "a1Machine", "deviceName": "meter2""#, "deviceList[1]",
      "the product is read over OPC UA, and the device's server speaks Modbus"
    ),
    (
      #""identifier": "energy", "operateType""#, #""identifier": "alarm", "operateType""#,
      "modelList[0].properties[1]",
      "the property alarm is here a second time; the first is modelList[0].properties[0]"
    ),
    (
      #""registerCount": 2"#, #""registerCount": 1"#, "modelList[0].properties[0]",
      "uint32 takes 2 registers, and registerCount is 1"
    ),
    (
      #""registerAddress": "0x10""#, #""registerAddress": "0xFFFF""#, "modelList[0].properties[0]",
      "2 from address 65535 go beyond address 65535"
    ),
    (
      #""type": "bool""#, #""type": "int16""#, "modelList[0].properties[1]",
      "a coil or an input is one bit, and the type is int16: give bool"
    ),
    (
      #""operateType": "holdingRegister""#, #""operateType": "inputRegister""#,
      "modelList[0].properties[0]",
      "the platform may set energy, and inputRegister cannot be written"
    ),
    (
      #"{"identifier": "level", "accessMode": "r"}"#,
      #"{"identifier": "depth", "accessMode": "r"}"#,
      "modelList[2].properties[0]", "level is not in the product's thing model"
    ),
    (
      #"{"identifier": "level", "accessMode": "r"}"#,
      #"{"identifier": "level"}, {"identifier": "depth", "accessMode": "r"}"#,
      "tslList[2].properties[1]",
      "nothing says where the property depth is read: modelList does not have it"
    ),
    (
      #"[{"identifier": "stop"}]"#, "[]", "modelList[1].services[0]",
      "stop is not in the product's thing model"
    ),
    (
      #""serverId": "S2", "name""#, #""serverId": "S1", "name""#, "serverList[1]",
      "the server S1 is here a second time; the first is serverList[0]"
    ),
    (
      #""deviceConfig": {"displayNamePath": "Objects/Mill", "serverId": "S3"}"#,
      #""deviceConfig": {}"#, "deviceList[2]",
      "the device's server needs its serverId, because the product is read over OPC UA"
    ),
    (
      #""secPolicy": "Basic256""#, #""secPolicy": "None""#, "serverList[2]",
      "Sign needs a secPolicy other than None"
    ),
    (
      #""secMode": "Sign""#, #""secMode": "None""#, "serverList[2]",
      "Basic256 does nothing while secMode is None"
    ),
  ]

  @Test(arguments: unfitting)
  func `what does not fit together is named with its place`(
    part: String,
    with: String,
    path: String,
    sentence: String
  ) throws {
    let problems = try GatewayConfiguration(try Plant.damaged(part, with)).problems()
    let found = problems.filter { $0.place.path == path }
    #expect(found.map(\.reason.description).contains(sentence), "\(problems)")
  }

  @Test func `a thing model without a product, and a product without a thing model`() throws {
    let text = Plant.text.replacing(
      #"{"productKey": "a1Radio"},\#n      "properties": [{"identifier": "level", "accessMode"#,
      with:
        #"{"productKey": "a1Loose"},\#n      "properties": [{"identifier": "level", "accessMode"#
    )
    try #require(text != Plant.text)
    let problems = try GatewayConfiguration(Array(text.utf8)).problems()
    #expect(
      problems.map { "\($0.place.path) \($0.reason)" } == [
        "modelList[2] the product a1Radio is not in tslList: it has no thing model",
        "tslList[2] the product a1Loose is not in modelList: nothing says how to read its devices",
      ]
    )
  }

  @Test func `the place is the byte of the value`() throws {
    let bytes = try Plant.damaged(#""port": 502"#, #""port": 0"#)
    let problem = try #require(throws: GatewayProblem.self) {
      _ = try GatewayConfiguration(bytes)
    }
    let text = String(decoding: bytes, as: UTF8.self)
    let start = try #require(text.range(of: #""port": 0"#)).lowerBound
    #expect(
      problem.place.offset == text.utf8.distance(from: text.startIndex, to: start)
        + #""port": "#.utf8.count
    )
  }

  @Test func `all problems are listed, in the order of the file`() throws {
    let text = Plant.text.replacing(#""trigger": 1"#, with: #""trigger": 7"#)
      .replacing(#""port": 502"#, with: #""port": 0"#)
      .replacing(#""deviceName": "mill""#, with: #""deviceName": "a b c d""#)
    let examination = GatewayExamination(Array(text.utf8))
    #expect(
      examination.problems.map(\.place.path) == [
        "modelList[0].properties[0].trigger", "serverList[1].port", "deviceList[2].deviceName",
      ]
    )
    #expect(examination.configuration.devices.count == 3)
    #expect(examination.configuration.servers.map(\.id) == ["S1", "S3"])
  }

  @Test func `a password of another secret is one more problem`() throws {
    let configuration = try GatewayConfiguration(Array(Plant.text.utf8))
    let other = Array("0123456789abcdef0123456789abcdef".utf8)
    let problems = configuration.passwordProblems(secret: other)
    #expect(problems.map(\.reason) == [.password(.unreadable)])
    #expect(problems.map(\.place.path) == ["serverList[2].password"])
    #expect(
      configuration.passwordProblems(secret: Array("short".utf8)).map(\.reason)
        == [.password(.secret(5))]
    )
  }

  @Test(arguments: ["{}", "[]", "7", #"{"devices":[]}"#])
  func `what is no configuration at all`(text: String) throws {
    let problem = try #require(throws: GatewayProblem.self) {
      _ = try GatewayConfiguration(Array(text.utf8))
    }
    #expect(problem.place == GatewayPlace(path: "", offset: 0))
  }

  @Test func `empty lists, null and a byte order mark are taken`() throws {
    let text = "\u{FEFF}{\"modelList\":null,\"serverList\":[],\"deviceList\":\"\"}"
    let configuration = try GatewayConfiguration(Array(text.utf8))
    #expect(configuration.devices.isEmpty)
    #expect(configuration.problems().isEmpty)
  }

  @Test func `the file's bytes, values and levels are bounded`() throws {
    let long = [UInt8](repeating: 0x20, count: GatewayConfiguration.maxBytes + 1)
    #expect(GatewayExamination(long).problems.map(\.reason) == [.fileTooLong(long.count)])
    let many =
      #"{"deviceList":["#
      + String(repeating: "1,", count: GatewayConfiguration.maxValues) + "1]}"
    #expect(GatewayExamination(Array(many.utf8)).problems.map(\.reason) == [.tooManyValues])
    let deep = #"{"deviceList":"# + String(repeating: "[", count: 40)
    guard case .syntax(.tooDeep)? = GatewayExamination(Array(deep.utf8)).problems.first?.reason
    else {
      Issue.record("not too deep")
      return
    }
    let wrong = #"{"deviceList":["# + String(repeating: "1,", count: 1_000) + "1]}"
    #expect(
      GatewayExamination(Array(wrong.utf8)).problems.count == GatewayConfiguration.maxProblems
    )
  }

  @Test func `every beginning of a file is refused, with its end as the place`() {
    let bytes = Array(Plant.text.utf8)
    for count in stride(from: 0, to: bytes.count - 1, by: 3) {
      let problems = GatewayExamination(Array(bytes[..<count])).problems
      #expect(problems.map(\.reason) == [.syntax(.truncated)], "\(count)")
      #expect(problems.map(\.place.offset) == [count])
    }
  }

  @Test func `no change of a byte traps`() {
    var bytes = Array(Plant.text.utf8)
    for index in stride(from: 0, to: bytes.count, by: 2) {
      let byte = bytes[index]
      bytes[index] ^= 1 << UInt8(index / 2 % 8)
      let examination = GatewayExamination(bytes)
      _ = examination.configuration.problems()
      for problem in examination.problems {
        #expect((0...bytes.count).contains(problem.place.offset))
        #expect(!problem.description.isEmpty)
      }
      bytes[index] = byte
    }
  }
}

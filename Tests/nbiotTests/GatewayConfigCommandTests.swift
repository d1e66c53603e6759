// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot gateway config, as its user runs it")
struct GatewayConfigCommandTests {
  private static let text = #"""
    {"modelList":[{"profile":{"productKey":"a1Meter"},"properties":[{"identifier":"energy",
    "operateType":"holdingRegister","registerAddress":"0x10","originalDataType":{"type":"uint32",
    "specs":{"registerCount":2,"swap16":1,"reverseRegister":0}},"scaling":0.5,"pollingTime":1000,
    "trigger":2}]},{"profile":{"productKey":"a1Mill"},"properties":[{"identifier":"speed",
    "displayName":"Spindle"}],"services":[{"identifier":"stop","displayName":"Stop","inputData":[{
    "identifier":"delay","index":0}],"outputData":""}]},{"profile":{"productKey":"a1Radio"},
    "properties":[{"identifier":"level","customize":{"offset":[1,2]}}]}],"serverList":[{
    "serverId":"S1","name":"line","protocol":"RTU","serialPort":"0","baudRate":9600,"byteSize":8,
    "stopBits":1,"parity":"E"},{"serverId":"S3","name":"mills","url":"opc.tcp://10.0.0.2",
    "userName":"op","password":"sYpAYctBQhN0/iE8ndwkAA==","secPolicy":"Basic256","secMode":"Sign"}],
    "deviceList":[{"productKey":"a1Meter","deviceName":"meter1","deviceConfig":{"slaveId":1,
    "serverId":"S1"}},{"productKey":"a1Mill","deviceName":"mill","deviceConfig":{
    "displayNamePath":"Objects/Mill","serverId":"S3"}},{"productKey":"a1Radio","deviceName":"node",
    "deviceConfig":{}}],"tslList":[{"profile":{"productKey":"a1Meter"},"properties":[{
    "identifier":"energy","accessMode":"rw"}]},{"profile":{"productKey":"a1Mill"},"properties":[{
    "identifier":"speed","accessMode":"r"}],"services":[{"identifier":"stop"}]},{"profile":{
    "productKey":"a1Radio"},"properties":[{"identifier":"level","accessMode":"r"}]}]}
    """#
  private static let secret = "testTNmjyWHQzniA8wEkTNmjyWH01234"

  @Test func `a file is printed as tables`() async throws {
    let run = try await nbiot(["gateway", "config", "-"], input: Self.text)
    #expect(
      run.output == """
        sub-devices
        product  device  server  there
        a1Meter  meter1  line    slave 1
        a1Mill   mill    mills   Objects/Mill
        a1Radio  node    -       -

        what is read
        product  protocol  what    where                     how
        a1Meter  Modbus    energy  holdingRegister 16 to 17  uint32, bytes swapped, times 0.5, every 1000 ms, reported on change
        a1Mill   OPC UA    speed   Spindle                   property
        a1Mill   OPC UA    stop    Stop                      service, in delay (0)
        a1Radio  its own   level   {"offset":[1,2]}          property

        servers
        server  name   protocol    address             how
        S1      line   Modbus RTU  serial port 0       9600 bit/s, 8 bits, even parity, 1 stop bit
        S3      mills  OPC UA      opc.tcp://10.0.0.2  Sign, Basic256, user op, password encrypted

        thing models
        product  properties   events  services
        a1Meter  energy (rw)  -       -
        a1Mill   speed        -       stop
        a1Radio  level        -       -

        nothing is wrong

        """
    )
    #expect(run.errors == "")
    #expect(run.status == 0)
  }

  @Test func `passwords are printed only where that is asked for`() async throws {
    let environment = ["NBIOT_DEVICE_SECRET": Self.secret]
    let quiet = try await nbiot(
      ["gateway", "config", "-"],
      input: Self.text,
      environment: environment
    )
    #expect(quiet.status == 0)
    #expect(!quiet.output.contains("test123"))
    let open = try await nbiot(
      ["gateway", "config", "-", "--passwords"],
      input: Self.text,
      environment: environment
    )
    #expect(open.output.contains("user op, password test123\n"))
    let json = try await nbiot(
      ["gateway", "config", "-", "--passwords", "--output", "json"],
      input: Self.text,
      environment: environment
    )
    let servers = try #require(json.object?["servers"] as? [[String: Any]])
    #expect(servers[1]["password"] as? String == "test123")
    let none = try await nbiot(["gateway", "config", "-", "--passwords"], input: Self.text)
    #expect(none.status == 2)
    #expect(none.errors.contains("no device secret"))
  }

  @Test func `another secret is one error more`() async throws {
    let run = try await nbiot(
      ["gateway", "config", "-"],
      input: Self.text,
      environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    )
    #expect(run.status == 1)
    #expect(run.output.contains("\n1 wrong, 0 warnings\nerror: serverList[1].password (byte "))
    #expect(run.output.contains("the password cannot be decrypted: "))
  }

  @Test func `what is wrong is listed with its place, and ends with status 1`() async throws {
    let text = Self.text.replacing(#""serverId":"S1"}"#, with: #""serverId":"S7"}"#)
      .replacing(#""identifier":"delay","index":0"#, with: #""identifier":"delay","index":0,"x":1"#)
    let run = try await nbiot(["gateway", "config", "-", "--output", "json"], input: text)
    #expect(run.status == 1)
    let problems = try #require(run.object?["problems"] as? [[String: Any]])
    #expect(problems.map { $0["severity"] as? String } == ["error", "warning"])
    #expect(problems.map { $0["path"] as? String } == ["deviceList[0]", "serverList[0]"])
    #expect(
      problems[0]["message"] as? String
        == "the server S7 is not in serverList: add it, or correct the id"
    )
    let offset = try #require(problems[0]["offset"] as? Int)
    #expect(Array(text.utf8)[offset] == UInt8(ascii: "{"))
  }

  @Test func `a warning alone ends with status 0`() async throws {
    let text = Self.text.replacing("holdingRegister", with: "inputRegister")
    let run = try await nbiot(["gateway", "config", "-"], input: text)
    #expect(run.status == 0)
    #expect(run.output.contains("0 wrong, 1 warnings\nwarning: modelList[0].properties[0] (byte "))
  }

  @Test func `what is not JSON, or no file, is said`() async throws {
    let broken = try await nbiot(["gateway", "config", "-"], input: "{\"deviceList\":[{]}")
    #expect(broken.status == 1)
    #expect(
      broken.output.contains(
        "error: deviceList[0] (byte 16): this is not JSON: byte 16 is not allowed there"
      )
    )
    let missing = try await nbiot(["gateway", "config", "/nowhere/file.json"])
    #expect(missing.status == 2)
    #expect(missing.errors.contains("cannot be opened"))
  }
}

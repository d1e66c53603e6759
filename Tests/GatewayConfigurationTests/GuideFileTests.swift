// SPDX-License-Identifier: Apache-2.0
import Foundation
import GatewayConfiguration
import PayloadCoding
import Testing

@Suite("Device guide 6.7: the examples of a gateway's configuration")
struct GuideFileTests {
  @Test func `the whole file is read`() throws {
    let configuration = try GatewayConfiguration(
      Array(try Guide.text("configuration-file").utf8)
    )
    #expect(configuration.products.count == 3)
    guard case .opcUA(let nodes) = configuration.products[0].mapping else {
      Issue.record("\(configuration.products[0])")
      return
    }
    #expect(nodes.properties.map(\.displayName) == ["test02", "identifier_01"])
    #expect(nodes.services.map(\.identifier) == ["AngleSelfAdaption"])
    #expect(nodes.services[0].inputs.map(\.index) == [0])
    #expect(nodes.services[0].outputs.isEmpty)
    #expect(nodes.events[0].outputs.map(\.identifier) == ["test01"])
    guard case .modbus(let points) = configuration.products[1].mapping else {
      Issue.record("\(configuration.products[1])")
      return
    }
    #expect(points.map(\.identifier) == ["test01", "test02"])
    #expect(points.map(\.address) == [3, 5])
    #expect(points.map(\.table) == [.inputStatus, .coilStatus])
    #expect(points.map(\.trigger) == [.timed, .onChange])
    #expect(points.map(\.pollingMilliseconds) == [1_000, 1_000])
    guard case .custom(let properties) = configuration.products[2].mapping else {
      Issue.record("\(configuration.products[2])")
      return
    }
    #expect(properties.map(\.identifier) == ["test_02", "test_01"])
    #expect(
      String(decoding: properties[0].customize, as: UTF8.self).filter { !$0.isWhitespace }
        == #"{"test_02":123}"#
    )
    #expect(
      configuration.servers.map(\.name) == ["modbus01", "modbus02", "server_01", "service_09"]
    )
    #expect(
      configuration.servers[0].channel
        == .modbusRTU(
          SerialLine(port: "0", baudRate: 1_200, byteSize: 8, stopBits: 2, parity: .numbered(1))
        )
    )
    #expect(configuration.servers[1].channel == .modbusTCP(host: "192.168.0.1", port: 8_000))
    guard case .opcUA(let server) = configuration.servers[3].channel else {
      Issue.record("\(configuration.servers[3])")
      return
    }
    #expect(server.securityMode == OPCUAServer.SecurityMode.none)
    #expect(server.securityPolicy == nil)
    #expect(server.timeout == 10)
    #expect(configuration.devices.map(\.deviceName) == ["test_02", "test_03", "test01", "test02"])
    #expect(configuration.devices.map(\.position).last == .slave(2))
    #expect(configuration.thingModels.count == 3)
    #expect(configuration.thingModels[0].properties.map(\.isWritable) == [false, true])
    #expect(configuration.thingModels[1].services == ["set", "get", "AngleSelfAdaption"])
  }

  /// The print masks keys and ids, so that three products have one key and no device has its server.
  @Test func `what its masked keys leave unfitting is said`() throws {
    let configuration = try GatewayConfiguration(
      Array(try Guide.text("configuration-file").utf8)
    )
    let problems = configuration.problems()
    let missing = problems.filter {
      if case .noServer = $0.reason { true } else { false }
    }
    #expect(missing.map(\.place.path) == (0..<4).map { "deviceList[\($0)]" })
    let doubled = problems.filter {
      if case .doubled = $0.reason { true } else { false }
    }
    #expect(doubled.map(\.place.path) == ["modelList[1]", "tslList[1]"])
  }

  @Test func `the examples of each list make files of their own`() throws {
    let modbus = """
      {"modelList":[\(try Guide.text("model-list-modbus"))],
      "serverList":\(try Guide.text("server-list-modbus")),
      "deviceList":[\(try Guide.text("device-list-modbus"))]}
      """
    let first = try GatewayConfiguration(Array(modbus.utf8))
    #expect(first.products.count == 1)
    #expect(first.servers.count == 2)
    #expect(first.devices.map(\.position) == [.slave(1)])
    let opcUA = """
      {"modelList":[\(try Guide.text("model-list-opc-ua"))],
      "serverList":[\(try Guide.text("server-list-opc-ua"))],
      "deviceList":[\(try Guide.text("device-list-opc-ua"))]}
      """
    let second = try GatewayConfiguration(Array(opcUA.utf8))
    #expect(second.devices.map(\.position) == [.displayNamePath("123")])
    let custom = #"{"modelList":[\#(try Guide.text("model-list-custom"))]}"#
    let third = try GatewayConfiguration(Array(custom.utf8))
    #expect(third.products.map(\.productKey) == ["a1ZlGQv****"])
  }

  @Test func `the file as it is printed is no JSON, and its first mistake is named`() throws {
    var text = try Guide.text("configuration-file")
    // The brace that the print has too many.
    text = text.replacing(
      "\"type\": \"bool\"\n},\n    \"identifier\"",
      with: "\"type\": \"bool\"\n},\n{\n    \"identifier\""
    )
    let offset = text.utf8.distance(
      from: text.startIndex,
      to: try #require(text.range(of: "{\n    \"identifier\": \"test02\"")).lowerBound
    )
    #expect(
      throws: GatewayProblem(
        .syntax(.unexpectedByte(offset: offset)),
        at: GatewayPlace(path: "modelList[1].properties[1]", offset: offset)
      )
    ) {
      _ = try GatewayConfiguration(Array(text.utf8))
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "nbiot simulate: a gateway's sub-devices through mosquitto (device guide 5 and 6.4)",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct BrokerGatewayTests {
  private static let gateway = "a1B2c3D4e5F/device1"

  private func simulator(_ options: [String] = []) throws -> (BrokerSimulator, MQTTClient) {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("sub.txt")
    try Data("sub-secret\n".utf8).write(to: URL(filePath: secret))
    let simulator = try BrokerSimulator(
      ["--sub-device", "a1Meter,meter1,\(secret)", "--sub-device", "a1Meter,fresh"] + options,
      transports: ["mqtt"]
    )
    let client = try simulator.client(try simulator.settings())
    for filter in [
      "/ext/session/\(Self.gateway)/+/+", "/ext/error/\(Self.gateway)",
      "/sys/\(Self.gateway)/thing/#",
    ] {
      #expect(try client.subscribe(filter) == [1])
    }
    return (simulator, client)
  }

  private func add(_ client: MQTTClient) throws {
    let sign = try BrokerSimulator.sign(
      "deviceNamemeter1productKeya1Metertimestamp1",
      "hmacsha1",
      secret: "sub-secret"
    )
    try client.publish(
      BrokerSimulator.thing("topo/add"),
      #"{"id":"1","version":"1.0","method":"thing.topo.add","params":[{"deviceName":"meter1","#
        + #""productKey":"a1Meter","sign":"\#(sign)","signmethod":"hmacSha1","timestamp":"1"}]}"#
    )
    #expect(try client.message(BrokerSimulator.thing("topo/add_reply")).json["code"] as? Int == 200)
  }

  private func logIn(_ client: MQTTClient) throws -> Int? {
    let sign = try BrokerSimulator.sign(
      "clientIdcdeviceNamemeter1productKeya1Metertimestamp1",
      "hmacsha256",
      secret: "sub-secret"
    )
    let topic = "/ext/session/\(Self.gateway)/combine/login"
    try client.publish(
      topic,
      #"{"id":"2","params":{"productKey":"a1Meter","deviceName":"meter1","clientId":"c","#
        + #""timestamp":"1","signMethod":"hmacSha256","sign":"\#(sign)","cleanSession":"true"}}"#
    )
    return try client.message(topic + "_reply").json["code"] as? Int
  }

  @Test func `login, report, push, kick and logout`() async throws {
    let (simulator, client) = try simulator()
    #expect(try logIn(client) == 6_401)
    try add(client)
    #expect(try logIn(client) == 200)
    #expect(try client.subscribe("/sys/a1Meter/meter1/thing/#") == [1])
    let report = "/sys/a1Meter/meter1/thing/event/property/post"
    let payload =
      #"{"id":"5","version":"1.0","method":"thing.event.property.post","params":{"p":{"value":1}}}"#
    try client.publish(report, payload, qos: 1)
    #expect(try client.message(report + "_reply").json["code"] as? Int == 200)
    // A push to the sub-device comes over the gateway's connection.
    let set = "/sys/a1Meter/meter1/thing/service/property/set"
    let arguments = [
      "push", "property-set", "--at", simulator.control, "--product-key", "a1Meter",
      "--device-name", "meter1", "--params", #"{"p":2}"#, "--output", "json",
    ]
    let push = try StartedRun(arguments)
    let identifier = try #require(try client.message(set).json["id"] as? String)
    try client.publish(set + "_reply", #"{"id":"\#(identifier)","code":200,"data":{}}"#)
    #expect(try push.end().status == 0)
    let list = try await nbiot(["broker", "list", "--at", simulator.control])
    #expect(list.output.contains("a1Meter/meter1 over \(Self.gateway) mqtt "))
    // Thrown out by the console it is told, and a report of its own then gets 520.
    let kick = try await nbiot([
      "broker", "kick", "--at", simulator.control, "--product-key", "a1Meter", "--device-name",
      "meter1",
    ])
    #expect(kick.status == 0, "\(kick.errors)")
    let error = "/ext/error/\(Self.gateway)"
    #expect(try client.message(error).json["code"] as? Int == 427)
    try client.publish(report, payload, qos: 1)
    let absent = try client.message(error).json
    #expect(absent["code"] as? Int == 520 && absent["id"] as? String == "5")
    let offline = try await nbiot(arguments)
    #expect(offline.status == 1)
    #expect(
      offline.object?["reason"] as? String
        == "the sub-device is not online over a gateway: have it log in first"
    )
    #expect(try logIn(client) == 200)
    // The console disables it: told on its own topic first, then out.
    let disable = try await nbiot([
      "push", "disable", "--at", simulator.control, "--product-key", "a1Meter", "--device-name",
      "meter1", "--wait", "0",
    ])
    #expect(disable.status == 0, "\(disable.errors)")
    _ = try client.message("/sys/a1Meter/meter1/thing/disable")
    #expect(try client.message(error).json["code"] as? Int == 522)
    #expect(try logIn(client) == 522)
    client.kill()
    let log = try simulator.stop()
    #expect(log.contains("combine.login 200"), "\(log)")
    #expect(log.contains("a1Meter/meter1 is not online over this connection"), "\(log)")
  }

  @Test func `the switches of the console`() throws {
    let (simulator, client) = try simulator([
      "--sub-register", "a1Meter=off", "--max-sub-devices", "1",
    ])
    try client.publish(
      BrokerSimulator.thing("sub/register"),
      #"{"id":"1","version":"1.0","method":"thing.sub.register","params":[{"deviceName":"fresh","#
        + #""productKey":"a1Meter"}]}"#
    )
    let reply = try client.message(BrokerSimulator.thing("sub/register_reply")).json
    #expect(reply["code"] as? Int == 401)
    try add(client)
    #expect(try logIn(client) == 200)
    client.kill()
    try simulator.stop()
  }
}

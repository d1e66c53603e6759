// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "nbiot gateway: sub-devices from a shell (device guide 5 and 6.2 to 6.4)",
  .enabled(if: Mosquitto.isInstalled),
  .timeLimit(.minutes(15))
)
struct GatewayCommandTests {
  /// A simulator with two sub-devices, one of which gets its secret by registration, and the options of the gateway.
  private func simulator() throws -> (BrokerSimulator, [String], DTLSCommandTests.Folder) {
    let folder = try DTLSCommandTests.Folder()
    for (name, secret) in [("one.secret", "sub-secret"), ("wrong.secret", "nonsense")] {
      try Data("\(secret)\n".utf8).write(to: URL(filePath: folder.path(name)))
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o600],
        ofItemAtPath: folder.path(name)
      )
    }
    let simulator = try BrokerSimulator(
      [
        "--sub-device", "a1Meter,meter1,\(folder.path("one.secret"))", "--sub-device",
        "a1Meter,fresh",
      ],
      transports: ["mqtt"]
    )
    let port = try #require(simulator.ports["mqtt"])
    let options = [
      "--product-key", BrokerSimulator.productKey, "--device-name", "device1",
      "--device-secret-file", simulator.folder.path("secret.txt"), "--endpoint",
      "127.0.0.1:\(port)", "--plain",
    ]
    return (simulator, options, folder)
  }

  @Test func `add registers what has no secret, list and remove, and a login with each code`()
    async throws
  {
    let (simulator, options, folder) = try simulator()
    defer { withExtendedLifetime(simulator) {} }
    let one = "a1Meter,meter1,\(folder.path("one.secret"))"
    let fresh = "a1Meter,fresh,\(folder.path("fresh.secret"))"
    // Not in the topology yet.
    let early = try await nbiot(["gateway", "online", one] + options)
    #expect(early.status == 1)
    #expect(early.output.contains("a1Meter/meter1: 6401: it is not in the gateway's topology"))
    let add = try await nbiot(["gateway", "add", one, fresh] + options)
    #expect(add.status == 0)
    #expect(add.output == "a1Meter/meter1: in the topology\na1Meter/fresh: in the topology\n")
    let made = try FileManager.default.attributesOfItem(atPath: folder.path("fresh.secret"))
    #expect(made[.posixPermissions] as? Int == 0o600)
    let list = try await nbiot(["gateway", "list"] + options)
    #expect(Set(list.output.split(separator: "\n")) == ["a1Meter,meter1", "a1Meter,fresh"])
    let objects = try await nbiot(["gateway", "list", "--output", "json"] + options)
    #expect(objects.output.contains(#"{"productKey":"a1Meter","deviceName":"meter1"}"#))
    // A secret without a place is not asked for.
    let nowhere = "a1Meter,fresh2,\(folder.path("nowhere/it.secret"))"
    let homeless = try await nbiot(["gateway", "add", nowhere] + options)
    #expect(homeless.status != 0 && homeless.errors.contains("cannot be written"))
    let wrong = "a1Meter,meter1,\(folder.path("wrong.secret"))"
    let refused = try await nbiot(["gateway", "online", wrong] + options)
    #expect(refused.status == 1)
    #expect(refused.output.contains("6287: its sign does not fit"))
    let offline = try await nbiot(["gateway", "offline", fresh] + options)
    #expect(offline.status == 0)
    #expect(offline.output == "a1Meter/fresh: online\na1Meter/fresh: offline\n")
    let object = try await nbiot(["gateway", "offline", fresh, "--output", "json"] + options)
    #expect(
      object.output
        == ["online", "offline"].map {
          #"{"productKey":"a1Meter","deviceName":"fresh","outcome":"\#($0)"}"# + "\n"
        }.joined()
    )
    let remove = try await nbiot(["gateway", "remove", "a1Meter,fresh"] + options)
    #expect(remove.status == 0)
    let left = try await nbiot(["gateway", "list"] + options)
    #expect(left.output == "a1Meter,meter1\n")
    // A configuration of nbiot-gateway is taken as it is.
    let text = """
      product-key = \(BrokerSimulator.productKey)
      device-name = device1
      device-secret-file = \(simulator.folder.path("secret.txt"))
      state-directory = state
      transport = mqtt
      endpoint = 127.0.0.1:\(try #require(simulator.ports["mqtt"]))
      tls = no
      authentication = sign
      sub-device = a1Meter,meter1,one.secret
      sub-device = a1Meter,meter2,one.secret
      sub-devices = list.csv
      on-configuration = /bin/true

      """
    try Data(text.utf8).write(to: URL(filePath: folder.path("gateway.conf")))
    let configured = try await nbiot(["gateway", "list", "--config", folder.path("gateway.conf")])
    #expect(configured.output == "a1Meter,meter1\n", "\(configured.errors)")
  }

  @Test func `run reports each line for its sub-device, and keeps what has to wait`() async throws {
    let (simulator, options, folder) = try simulator()
    defer { withExtendedLifetime(simulator) {} }
    let add = try await nbiot(
      ["gateway", "add", "a1Meter,meter1,\(folder.path("one.secret"))"] + options
    )
    #expect(add.status == 0)
    let list = folder.path("meters.txt")
    try Data("a1Meter,meter1,one.secret\na1Meter,none1,one.secret\n".utf8)
      .write(to: URL(filePath: list))
    let run = try await nbiot(
      ["gateway", "run", list, "--outbox", folder.path("outbox"), "--max-wait", "5"] + options,
      input:
        "a1Meter/none1\tuser/update\t{\"kWh\":1}\na1Meter/meter1\tuser/update\t{\"kWh\":2}\n"
        + "a1Meter/meter9\t{}\na1Meter/meter1\t{\"id\":\"1\",\"version\":\"1.0\",\"params\":{}}\n{\"id\":\"2\"}\n"
        + "/a1Meter/meter1/user/update\t{}\n/a1Meter/meter9/user/update\t{}\na1Meter/meter1\t\n"
    )
    #expect(run.status == 1)
    #expect(run.output.contains("report 2, /a1Meter/meter1/user/update: acknowledged\n"))
    #expect(run.output.contains("report 1, /a1Meter/none1/user/update: kept"))
    #expect(run.output.contains("report 3: refused: a1Meter/meter9 is none of the sub-devices"))
    // Without a topic they are reports of properties, the last one of the gateway itself.
    #expect(
      run.output.contains("report 4, /sys/a1Meter/meter1/thing/event/property/post: acknowledged\n")
    )
    let own = "/sys/\(BrokerSimulator.productKey)/device1/thing/event/property/post"
    #expect(run.output.contains("report 5, \(own): acknowledged\n"))
    #expect(run.output.contains("report 6, /a1Meter/meter1/user/update: acknowledged\n"))
    #expect(run.output.contains("report 7: refused: /a1Meter/meter9/user/update is none"))
    #expect(run.output.contains("report 8: refused: there is no payload: a line is PRODUCTKEY"))
    #expect(run.errors.contains("a1Meter/none1: 6100"))
    #expect(run.errors.contains("1 report waits in the outbox for the next run"))
  }
}

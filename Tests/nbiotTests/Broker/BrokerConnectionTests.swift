// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The simulator over MQTT: who may connect (device guide 3.1 to 3.3)",
  .timeLimit(.minutes(15))
)
struct BrokerConnectionTests {
  @Test func `the guide's signature is taken, from a client that computes nothing`() throws {
    let folder = try DTLSCommandTests.Folder()
    let secret = folder.path("pk-secret.txt")
    try Data("secret\n".utf8).write(to: URL(filePath: secret))
    let simulator = try BrokerSimulator(
      ["--device", "pk,device,\(secret)"],
      transports: ["mqtt"]
    )
    var options = [
      "-h", "127.0.0.1", "-p", "\(simulator.ports["mqtt"] ?? 0)", "-u", "device&pk", "-q", "1",
      "-i", "12345|securemode=3,signmethod=hmacsha1,timestamp=789|", "-t", "/pk/device/user/update",
      "-m", "1",
    ]
    let good = try Mosquitto.run(
      "mosquitto_pub",
      options + ["-P", "FAFD82A3D602B37FB0FA8B7892F24A477F851A14"]
    )
    #expect(good.status == 0, "\(good.errors)")
    let lower = try Mosquitto.run(
      "mosquitto_pub",
      options + ["-P", "fafd82a3d602b37fb0fa8b7892f24a477f851a14"]
    )
    #expect(lower.status == 0, "\(lower.errors)")
    let wrong = try Mosquitto.run(
      "mosquitto_pub",
      options + ["-P", "FAFD82A3D602B37FB0FA8B7892F24A477F851A15"]
    )
    // mosquitto_pub ends with the CONNACK's code.
    #expect(wrong.status == 4, "\(wrong.errors)")
    options[7] = "12345|securemode=3,signmethod=hmacsha1,timestamp=790|"
    let log = try simulator.stop()
    #expect(
      log.contains("mqtt 127.0.0.1 pk/device PUBLISH /pk/device/user/update qos 1 1 -> PUBACK")
    )
    #expect(log.contains("CONNECT -> CONNACK 4 - the sign does not fit the device secret"))
  }

  @Test(arguments: ["mqtt", "mqtts", "ws", "wss"], ["hmacmd5", "hmacsha1", "hmacsha256"])
  func `each transport and sign method`(transport: String, method: String) throws {
    let simulator = try BrokerSimulator(transports: [transport])
    let client = try simulator.client(try simulator.settings(transport, method: method))
    let topic = BrokerSimulator.thing("event/property/post")
    #expect(try client.subscribe("\(topic)_reply") == [1])
    try client.publish(
      topic,
      #"{"id":"7","version":"1.0","params":{"power":{"value":"on"}},"method":"thing.event.property.post"}"#,
      qos: 1
    )
    let reply = try client.message("\(topic)_reply").json
    #expect(reply["code"] as? Int == 200 && reply["id"] as? String == "7")
    try client.disconnect()
    let log = try simulator.stop()
    #expect(log.contains("\(transport) 127.0.0.1 a1B2c3D4e5F/device1 PUBLISH \(topic)"))
    #expect(log.contains("-> PUBACK thing.event.property.post 200"))
  }

  @Test(arguments: ["mqtt", "mqtts"], [3, 4])
  func `mosquitto's own clients, in both versions`(transport: String, version: Int) throws {
    let simulator = try BrokerSimulator(transports: [transport])
    let options = try Mosquitto.options(try simulator.settings(transport))
    let run = try Mosquitto.run(
      "mosquitto_pub",
      options + [
        "-V", version == 3 ? "mqttv31" : "mqttv311", "-q", "1", "-t",
        "/a1B2c3D4e5F/device1/user/update", "-m", "{}",
      ]
    )
    #expect(run.status == 0, "\(run.errors)")
    let subscribed = try Mosquitto.run(
      "mosquitto_sub",
      options + ["-E", "-t", "/a1B2c3D4e5F/device1/user/get"]
    )
    #expect(subscribed.status == 0, "\(subscribed.errors)")
    #expect(
      try simulator.stop().contains("SUBSCRIBE /a1B2c3D4e5F/device1/user/get qos 0 -> granted 0")
    )
  }

  @Test func `what is refused, and with which CONNACK`() throws {
    let simulator = try BrokerSimulator(
      ["--disable", "a1B2c3D4e5F,device2"],
      devices: ["device1", "device2"]
    )
    let good = try simulator.settings()
    func with(_ changes: [String: Any]) throws -> Int? {
      try simulator.code(good.merging(changes) { $1 })
    }
    #expect(try with(["id": "client1"]) == 2)
    #expect(try with(["id": "client1|securemode=3"]) == 2)
    #expect(try with(["id": "|securemode=3,signmethod=hmacsha256|"]) == 2)
    #expect(try with(["id": "client1|signmethod=hmacsha256|"]) == 2)
    #expect(try with(["id": "client1|securemode=3,securemode=3|"]) == 2)
    #expect(try with(["id": "client1|securemode=3,signmethod=sha1|"]) == 2)
    #expect(try with(["id": "client1|securemode=3,timestamp=x|"]) == 2)
    #expect(try with(["id": "client1|securemode=3,unknown=1|"]) == 2)
    #expect(try with(["id": "\(String(repeating: "c", count: 65))|securemode=3|"]) == 2)
    #expect(try with(["user": "device1"]) == 2)
    #expect(try with(["user": "device1&a1B2c3D4e5F&x"]) == 2)
    #expect(try with(["password": "00"]) == 4)
    #expect(try with(["id": "client2|securemode=3,signmethod=hmacsha256|"]) == 4)
    #expect(try with(["id": "client1|securemode=2,signmethod=hmacsha256|"]) == 5)
    #expect(try with(["user": "device9&a1B2c3D4e5F"]) == 5)
    #expect(try simulator.code(try simulator.settings(device: "device2")) == 5)
    for keepAlive in [1, 29, 1_201, 65_535] { #expect(try with(["keepAlive": keepAlive]) == 5) }
    for keepAlive in [30, 1_200] { #expect(try with(["keepAlive": keepAlive]) == 0) }
    #expect(try with(["will": "/a1B2c3D4e5F/device1/user/update"]) == 5)
    // Not authorised, as MQTT 5 numbers it.
    #expect(try with(["version": 5]) == 135)
    #expect(try simulator.code(try simulator.settings("mqtts", fields: ",timestamp=1")) == 4)
    var insecure = try simulator.settings("mqtts")
    insecure["id"] = "client1|securemode=3,signmethod=hmacsha256|"
    #expect(try simulator.code(insecure) == 5)
    let log = try simulator.stop()
    #expect(log.contains("CONNACK 5 - the keep-alive is 29 s, not 30 to 1,200"))
    #expect(log.contains("CONNACK 5 - a will"))
    #expect(log.contains("CONNACK 1 - MQTT 5, not 3.1 or 3.1.1"))
    #expect(log.contains("CONNACK 5 - the device is disabled"))
    #expect(log.contains("securemode is 3, on this port it is 2"))
    #expect(!log.contains(BrokerSimulator.secret))
  }

  @Test func `the codes are settings, and the SDK's client id is taken where that is granted`()
    throws
  {
    let simulator = try BrokerSimulator(
      [
        "--tolerant", "--assume", "mqtt-bad-sign=5", "--assume", "mqtt-keep-alive=2", "--assume",
        "mqtt-unknown-device=4",
      ],
      transports: ["mqtt"]
    )
    let good = try simulator.settings(fields: ",_v=sdk-c-4.1.0,_ss=1,ext=3,")
    #expect(try simulator.code(good) == 0)
    #expect(try simulator.code(good.merging(["password": "00"]) { $1 }) == 5)
    #expect(try simulator.code(good.merging(["keepAlive": 20]) { $1 }) == 2)
    #expect(try simulator.code(good.merging(["user": "nobody&a1B2c3D4e5F"]) { $1 }) == 4)
    let log = try simulator.stop()
    #expect(log.contains("tolerated in CONNECT: the client id has an unknown field _v"))
    #expect(log.contains("tolerated in CONNECT: the client id has a comma at its end"))
  }

  @Test
  func `a failure that is planned is CONNACK 3, and a PUBLISH that fails ends the connection`()
    throws
  {
    let simulator = try BrokerSimulator(
      ["--fail", "5.03,1,on=auth", "--fail", "5.00,1,on=report"],
      transports: ["mqtt"]
    )
    let settings = try simulator.settings()
    #expect(try simulator.code(settings) == 3)
    let client = try simulator.client(settings)
    try client.publish("/a1B2c3D4e5F/device1/user/update", "1", qos: 1)
    _ = try client.next("disconnected")
    let log = try simulator.stop()
    #expect(log.contains("503: failed on purpose, the last time"))
    #expect(log.contains("-> closed - 500: failed on purpose, the last time"))
  }

  @Test(arguments: ["mqtts", "wss"])
  func `TLS 1.2 or later alone`(transport: String) throws {
    let simulator = try BrokerSimulator(transports: [transport])
    func shakesHands(_ version: String) throws -> Bool {
      let process = Process()
      process.executableURL = URL(filePath: "/usr/bin/openssl")
      process.arguments = [
        "s_client", "-connect", "127.0.0.1:\(simulator.ports[transport] ?? 0)", version,
        "-cipher", "DEFAULT@SECLEVEL=0", "-CAfile", simulator.authority, "-verify_return_error",
      ]
      process.standardInput = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      process.standardError = FileHandle.nullDevice
      try process.start()
      process.waitUntilExit()
      return process.terminationStatus == 0
    }
    #expect(try shakesHands("-tls1_3"))
    #expect(try shakesHands("-tls1_2"))
    #expect(try !shakesHands("-tls1_1"))
    try simulator.stop()
  }

  @Test func `a device gets its secret over TLS, and nothing else`() throws {
    let folder = try DTLSCommandTests.Folder()
    let product = folder.path("product.txt")
    try Data("product-secret\n".utf8).write(to: URL(filePath: product))
    let simulator = try BrokerSimulator(
      ["--register", "a1B2c3D4e5F,device9,\(product)"],
      transports: ["mqtt", "mqtts"]
    )
    func register(_ name: String, _ type: String, mode: Int) throws -> [String: Any] {
      [
        "port": try #require(simulator.ports["mqtts"]), "ca": simulator.authority,
        "id": "c|securemode=\(mode),authType=\(type),random=789,signmethod=hmacsha1|",
        "user": "\(name)&a1B2c3D4e5F",
        "password": try BrokerSimulator.sign(
          "deviceName\(name)productKeya1B2c3D4e5Frandom789",
          "hmacsha1",
          secret: "product-secret"
        ),
      ]
    }
    let listed = try register("device9", "register", mode: 2)
    let client = try simulator.client(listed)
    let told = try client.message("/ext/register").json
    let secret = try #require(told["deviceSecret"] as? String)
    #expect(
      told["productKey"] as? String == "a1B2c3D4e5F" && told["deviceName"] as? String == "device9"
    )
    #expect(try client.subscribe("/a1B2c3D4e5F/device9/user/get") == [128])
    try client.publish("/a1B2c3D4e5F/device9/user/update", "1", qos: 1)
    _ = try client.next("disconnected")
    var own = try simulator.settings("mqtts", device: "device9")
    own["password"] = try BrokerSimulator.sign(
      "clientIdclient1deviceNamedevice9productKeya1B2c3D4e5F",
      "hmacsha256",
      secret: secret
    )
    #expect(try simulator.code(own) == 0)
    // It is active now.
    #expect(try simulator.code(listed) == 5)
    #expect(try simulator.code(listed.merging(["password": "00"]) { $1 }) == 4)
    #expect(try simulator.code(try register("device8", "register", mode: 2)) == 5)
    var plain = listed
    plain["port"] = simulator.ports["mqtt"]
    plain["ca"] = nil
    #expect(try simulator.code(plain) == 5)
    // A device that the product does not list.
    let unlisted = try simulator.client(try register("device7", "regnwl", mode: -2))
    let token = try #require(try unlisted.message("/ext/register").json["deviceToken"] as? String)
    unlisted.kill()
    #expect(
      try simulator.code([
        "port": try #require(simulator.ports["mqtts"]), "ca": simulator.authority,
        "id": "c|securemode=-2,authType=connwl|", "user": "device7&a1B2c3D4e5F", "password": token,
      ]) == 0
    )
    let log = try simulator.stop()
    #expect(!log.contains(secret) && !log.contains(token))
  }
}

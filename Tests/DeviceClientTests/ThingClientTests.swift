// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import CoAPLink
import CoAPMessage
import ConstrainedCore
import DeviceClient
import Dispatch
import OpenSSLSupport
import PayloadCoding
import PayloadValues
import Platform
import PlatformCore
import PlatformSimulator
import Synchronization
import TestSupport
import Testing

@Suite("The async client and the thing model over real UDP")
struct ThingClientTests {
  private let server = DeviceClientTests()
  private static let digest = "93230c3bde425a9d7984a594ac55ea1e"

  private func product(_ change: (inout SimulatedProduct) -> Void) -> SimulatedProduct {
    var product = SimulatedProduct(key: "a1B2c3D4e5F")
    change(&product)
    return product
  }

  private func firmware(url: String = "https://h/f") -> SimulatedFirmware {
    SimulatedFirmware(
      version: "2.0.0",
      url: url,
      size: 432_945,
      md5: Self.digest,
      sha256: String(repeating: "0", count: 64)
    )
  }

  @Test func `a property is posted in either format, and a refusal has the platform's code`()
    async throws
  {
    try await server.withServer { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let json = try await client.request(PropertyPost.self, as: JSONWriter.self) {
        post throws(AlinkError) in
        try post.add("t") { (w: inout JSONWriter) throws(CapacityError) in try w.double(21.5) }
      }
      #expect(json.code == .success)
      #expect(json.format == .json)
      let cbor = try await client.request(PropertyPost.self, as: CBORWriter.self) {
        post throws(AlinkError) in
        try post.add("t") { (w: inout CBORWriter) throws(CapacityError) in try w.double(21.5) }
      }
      #expect(cbor.code == .success)
      #expect(cbor.format == .cbor)
      #expect(cbor.receipt.result.bytesUp < json.receipt.result.bytesUp)
      do {
        _ = try await client.request(ConfigurationGet.self, as: CBORWriter.self) {
          _ throws(AlinkError) in
        }
        Issue.record("there is no configuration")
      } catch DeviceClientError.refused(let answer) {
        #expect(answer.code == .noConfiguration)
        #expect(answer.message == "no data")
      }
      await client.close()
    }
  }

  @Test(arguments: [true, false])
  func `desired values come back with their versions and values`(isCBOR: Bool) async throws {
    try await server.withServer({
      $0.desired["a1B2c3D4e5F/device1"] = [
        PayloadValue.Member("power", "on"), PayloadValue.Member("level", ["a": [1, 2]]),
      ]
    }) { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let answer =
        isCBOR
        ? try await client.request(DesiredGet.self, as: CBORWriter.self) {
          get throws(AlinkError) in
          try get.add("power")
          try get.add("level")
        }
        : try await client.request(DesiredGet.self, as: JSONWriter.self) {
          get throws(AlinkError) in
          try get.add("power")
          try get.add("level")
        }
      let values = try answer.desiredValues()
      #expect(values.map(\.identifier) == ["power", "level"])
      #expect(values.map(\.version) == [1, 1])
      let format: PayloadValue.Format = isCBOR ? .cbor : .json
      #expect(values.map { PayloadValue($0.value, format) } == ["on", ["a": [1, 2]]])
      await client.close()
    }
  }

  @Test func `what the thing model refuses is not sent`() async throws {
    let model = #"""
      {"properties":[{"identifier":"t","dataType":{"type":"int","specs":{"min":"0","max":"9"}}}],
      "events":[{"identifier":"alarm","outputData":[{"identifier":"code","required":true,
      "dataType":{"type":"text","specs":{"length":"3"}}}]}]}
      """#
    try await server.withServer { device, records in
      var configuration = device
      configuration.thingModel = Array(model.utf8)
      let client = try DeviceClient(configuration, secret: DeviceClientTests.secret)
      await #expect {
        try await client.request(PropertyPost.self, as: CBORWriter.self) {
          post throws(AlinkError) in
          try post.add("t") { (w: inout CBORWriter) throws(CapacityError) in try w.integer(10) }
        }
      } throws: { error in
        guard case DeviceClientError.thingModel(.value(.range, _, _), at: "t.value") = error else {
          return false
        }
        return true
      }
      await #expect {
        try await client.request(EventPost.self, as: JSONWriter.self) { post throws(AlinkError) in
          try post.event("alarm") { (_: inout JSONWriter) throws(CapacityError) in }
        }
      } throws: { error in
        guard case DeviceClientError.thingModel(.missingMember, _) = error else { return false }
        return true
      }
      // The same name twice.
      await #expect {
        try await client.request(PropertyPost.self, as: JSONWriter.self) {
          post throws(AlinkError) in
          try post.add("t") { (w: inout JSONWriter) throws(CapacityError) in try w.integer(1) }
          try post.add("t") { (w: inout JSONWriter) throws(CapacityError) in try w.integer(2) }
        }
      } throws: { error in
        guard case DeviceClientError.request(.repeated) = error else { return false }
        return true
      }
      #expect(records.all.isEmpty)
      let answer = try await client.request(EventPost.self, as: JSONWriter.self) {
        post throws(AlinkError) in
        try post.event("alarm") { (w: inout JSONWriter) throws(CapacityError) in
          try w.key("code")
          try w.string("E12")
        }
      }
      #expect(answer.code == .success)
      await client.close()
      configuration.thingModel = Array("{".utf8)
      #expect {
        _ = try DeviceClient(configuration, secret: DeviceClientTests.secret)
      } throws: { error in
        guard case DeviceClientError.thingModel(.modelNotJSON, at: "") = error else { return false }
        return true
      }
    }
  }

  /// The guide's own address of a firmware has some 800 characters.
  @Test func `a firmware with a long address is offered in one message`() async throws {
    let url = "https://h/" + String(repeating: "x", count: 800)
    let product = product { $0.firmware = firmware(url: url) }
    try await server.withServer({ $0.products = [product] }) { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      try await client.inform(version: "1.0.1")
      let offer = try #require(try await client.firmware(after: "1.0.1"))
      #expect(offer.url.count == url.utf8.count)
      #expect(offer.size == 432_945)
      #expect(try await client.firmware(after: "2.0.0") == nil)
      await client.close()
    }
  }

  @Test func `an upgrade is told in few steps, and its failure with the code`() async throws {
    let product = product { $0.firmware = firmware() }
    try await server.withServer({ $0.products = [product] }) { device, records in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let offer = try #require(try await client.firmware(after: "1.0.1"))
      let undelivered = try await client.upgrade(to: offer) {
        (offer: FileOffer, progress: @Sendable (UInt8) -> Void) throws(UpgradeFailure) in
        for percent in UInt8(1)...100 { progress(percent) }
      }
      #expect(undelivered == 0)
      do {
        _ = try await client.upgrade(to: offer, explanation: { "digest" }) {
          (_: FileOffer, _: @Sendable (UInt8) -> Void) throws(UpgradeFailure) in
          throw .verification
        }
        Issue.record("what is not verified is no upgrade")
      } catch let error as UpgradeError {
        #expect(error.failure == .verification)
        #expect(error.isTold)
      }
      let told = records.all.filter { $0.path.contains("/progress/") }
        .compactMap { PayloadValue($0.payload, .json)?["params"] }
      let steps = told.compactMap { $0["step"]?.string }
      #expect(steps.first == "1")
      #expect(steps.contains("100"))
      #expect(steps.count <= 5)
      #expect(told.last == ["step": "-3", "desc": "digest"])
      await client.close()
    }
  }

  @Test func `a failure that the platform could not be told of is not said to be told`()
    async throws
  {
    let product = product { $0.firmware = firmware() }
    try await server.withServer({ $0.products = [product] }) { device, _ in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let offer = try #require(try await client.firmware(after: "1.0.1"))
      do {
        _ = try await client.upgrade(to: offer) {
          (_: FileOffer, _: @Sendable (UInt8) -> Void) throws(UpgradeFailure) in
          let isClosed = DispatchSemaphore(value: 0)
          Task {
            await client.close()
            isClosed.signal()
          }
          isClosed.wait()
          throw .download
        }
        Issue.record("what is not downloaded is no upgrade")
      } catch let error as UpgradeError {
        #expect(error.failure == .download)
        #expect(!error.isTold)
      }
    }
  }

  /// What a batch reckons with is what goes out.
  @Test func `a batch knows what its message costs`() async throws {
    try await server.withServer { device, _ in
      var device = device
      device.settings.firstRequestID = 1
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      try await client.connect()
      var batch = PropertyBatch<CBORWriter>(overhead: try client.propertyPostOverhead, id: 1)
      for number in 0..<20 {
        let name = Array("sensor_\(number)".utf8)
        try batch.add(name.span) { (w: inout CBORWriter) throws(CapacityError) in
          try w.decimal(2_151, fractionDigits: 2)
        }
      }
      let answer = try await client.request(PropertyPost.self, as: CBORWriter.self) {
        post throws(AlinkError) in try post.add(batch)
      }
      #expect(answer.code == .success)
      #expect(answer.receipt.result.bytesUp + 28 == batch.cost.bytes)
      await client.close()
    }
  }

  @Test func `bytes go up raw, and answers to the platform's requests have its topic`() async throws
  {
    try await server.withServer({
      $0.rawScript = { bytes in
        bytes == [2, 0, 0, 0, 0x7B, 0]
          ? [
            "id": "123", "version": "1.0", "method": "thing.event.property.post",
            "params": ["t": ["value": 123]],
          ] : nil
      }
    }) { device, records in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let answer = try await client.publishRaw([2, 0, 0, 0, 0x7B, 0])
      #expect(answer.code == .success)
      let method = Array("thing.service.SetWeight".utf8)
      try await client.reply(to: DownlinkMethod(method.span), id: 105_917_531, as: JSONWriter.self)
      {
        (w: inout JSONWriter) throws(CapacityError) in
        try w.key("OldWeight")
        try w.double(100.101)
      }
      let record = try #require(records.all.last)
      #expect(record.path == "/topic/sys/a1B2c3D4e5F/device1/thing/service/SetWeight_reply")
      #expect(
        record.payload
          == Array(#"{"id":"105917531","code":200,"data":{"OldWeight":100.101}}"#.utf8)
      )
      await client.close()
    }
  }

  /// A TSL file of some 3 KB.
  private func model() throws -> ProductModel {
    let properties = (0..<40).map {
      #"{"identifier":"p\#($0)","dataType":{"type":"int","specs":{}}}"#
    }.joined(separator: ",")
    return try ProductModel(json: Array((#"{"properties":["# + properties + "]}").utf8))
  }

  @Test(arguments: [true, false])
  func `a thing model that is longer than a message comes in blocks`(isCBOR: Bool) async throws {
    let model = try model()
    let product = product { $0.thingModel = model }
    try await server.withServer({ $0.products = [product] }) { device, records in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      let answer =
        isCBOR
        ? try await client.request(ThingModelGet.self, as: CBORWriter.self) {
          _ throws(AlinkError) in
        }
        : try await client.request(ThingModelGet.self, as: JSONWriter.self) {
          _ throws(AlinkError) in
        }
      #expect(answer.receipt.result.extent == .inBlocks)
      let format: PayloadValue.Format = isCBOR ? .cbor : .json
      #expect(PayloadValue(answer.data, format)?["properties"]?.elements?.count == 40)
      // Each block has a number of its own.
      let numbers = records.all.compactMap(\.sequence)
      #expect(numbers.count >= 2 && Set(numbers).count == numbers.count)
      await client.close()
    }
  }

  @Test func `an answer that is longer than is wanted is said to be, and the session goes on`()
    async throws
  {
    let model = try model()
    let product = product { $0.thingModel = model }
    for limit in [0, 1_024] {
      try await server.withServer({ $0.products = [product] }) { device, _ in
        var configuration = device
        configuration.maxAnswer = limit
        let client = try DeviceClient(configuration, secret: DeviceClientTests.secret)
        do {
          _ = try await client.request(ThingModelGet.self, as: JSONWriter.self) {
            _ throws(AlinkError) in
          }
          Issue.record("the reply has some 3 KB")
        } catch DeviceClientError.unreadableReply(let error, let receipt) {
          #expect(error == .incomplete)
          #expect(receipt.result.outcome == .acknowledged)
        }
        let receipt = try await client.publish([1], to: DeviceClientTests.topic)
        #expect(receipt.result.outcome == .acknowledged)
        #expect(client.counters.authentications == 1)
        await client.close()
      }
    }
  }

  @Test func `messages that are too long for a datagram are not taken for none`() async throws {
    let message = DownlinkMessage(
      topic: "/sys/a1B2c3D4e5F/device1/thing/service/property/set",
      payload: ["id": "1", "params": ["text": .text(String(repeating: "x", count: 2_000))]]
    )
    for limit in [65_536, 0] {
      try await server.withServer({ $0.downlink["a1B2c3D4e5F/device1"] = [message] }) { device, _ in
        var device = device
        device.settings.allowsPull = true
        device.maxAnswer = limit
        let client = try DeviceClient(device, secret: DeviceClientTests.secret)
        do {
          let receipt = try await client.pull()
          #expect(limit > 0)
          let messages = PayloadValue(receipt.answer, .json)
          #expect(messages?.elements?.first?["payload"] == message.payload)
        } catch DeviceClientError.unreadableReply(let error, _) {
          #expect(limit == 0)
          #expect(error == .incomplete)
        }
        await client.close()
      }
    }
  }

  @Test func `a description that is too long is cut behind a character`() async throws {
    try await server.withServer { device, records in
      let client = try DeviceClient(device, secret: DeviceClientTests.secret)
      try await client.report(.percent(1), description: String(repeating: "温", count: 50))
      await client.close()
      let last = records.all.last.flatMap { PayloadValue($0.payload, .json) }
      let told = last?["params"]?["desc"]?.string
      #expect(told == String(repeating: "温", count: 42))
    }
  }

  @Test func `a device registers over DTLS and goes on with its own secret`() async throws {
    var secure = try SecureClientTests.Server()
    let productSecret = Array("fedcba9876543210fedcba9876543210".utf8)
    secure.simulator.devices = []
    secure.simulator.products = [
      product {
        $0.secret = productSecret
        $0.registrable = ["device1"]
      }
    ]
    let running = try await SimulatorServer.start(secure.simulator) { _ in }
    let client = try DeviceClient(
      secure.client(port: running.port, isPatient: true),
      secret: productSecret
    )
    let own = try await client.register()
    #expect(own.count == 32)
    _ = try await client.publish([1], to: DeviceClientTests.topic)
    #expect(client.counters.handshakes == 1)
    await client.close()
    let other = try DeviceClient(secure.client(port: running.port), secret: productSecret)
    await #expect {
      _ = try await other.register()
    } throws: { error in
      guard case DeviceClientError.registration(.refused, _) = error else { return false }
      return true
    }
    await other.close()
    try await running.close()
  }

  @Test func `an upgrade told in steps of 0 % is a mistake of the caller's`() async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let client = try DeviceClient(
        DeviceClientConfiguration(
          productKey: "a1B2c3D4e5F",
          deviceName: "device1",
          host: "127.0.0.1",
          port: 9
        ),
        secret: DeviceClientTests.secret
      )
      let data = Array(
        #"{"size":1,"version":"2","url":"https://h/f","md5":"","sign":"93230c3bde425a9d7984a594ac55ea1e","signMethod":"Md5"}"#
          .utf8
      )
      let offer = try FileOffer(firmware: JSONReader(received: data.span))
      _ = try await client.upgrade(to: offer, reportingEvery: 0) { _, _ in }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains("progress is told in steps"))
  }
}

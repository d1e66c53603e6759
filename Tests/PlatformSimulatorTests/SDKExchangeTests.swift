// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

@Suite("Protocol facts 2.3: the platform's own SDKs against the simulator")
struct SDKExchangeTests {
  static let property = "/sys/pk/device/thing/event/property/post"
  static let envelope = ThingBench.envelope(
    "thing.event.property.post",
    #"{"Power":{"value":"on","time":1524448722000}}"#
  )

  @Test(arguments: SDK.all)
  func `the strict platform refuses the SDK with a line and a diagnostic that name the switch`(
    sdk: SDK
  ) throws {
    var device = SDKBench(sdk, leniencies: [])
    let first = try device.authenticate()
    #expect(first.code?.isSuccess == !sdk.isRefusedAtOnce)
    guard first.code != .content else {
      let report = try device.report("/pk/device/user/update", "x")
      #expect(report.code?.class == 4)
      #expect(report.line.contains("--tolerant"))
      // It has the session's key, and decrypts the response.
      #expect(try device.opened == report.note)
      #expect(report.tolerated.isEmpty)
      return
    }
    #expect(first.line.contains("--tolerant"))
    // The answer to /auth is plaintext.
    #expect(String(decoding: try device.content, as: UTF8.self) == first.note)
    #expect(first.tolerated.isEmpty)
  }

  @Test(arguments: SDK.all)
  func `the tolerant platform takes what the SDK sends, and tells of each leniency each time`(
    sdk: SDK
  ) throws {
    var device = SDKBench(sdk, leniencies: Set(Leniency.allCases))
    let first = try device.authenticate()
    #expect(first.code == .content)
    #expect(Set(first.tolerated.map(\.leniency)) == sdk.leniencies.authentication)
    for number in 0..<3 {
      let report = try device.report("/pk/device/user/update", #"{"value":1}"#)
      #expect(report.code == .content)
      #expect(report.payload == Array(#"{"value":1}"#.utf8))
      #expect(report.platformMessageID != nil)
      #expect(try device.opened == "")
      // The offset itself may be used once.
      let needed =
        number == 0 ? sdk.leniencies.report : sdk.leniencies.report.subtracting([.offsetAsSequence])
      #expect(Set(report.tolerated.map(\.leniency)) == needed)
      #expect(report.toleratedLines.count == needed.count)
      #expect(
        report.toleratedLines.allSatisfy { $0.contains("pk/device tolerated in POST /topic/") }
      )
    }
    let posted = try device.report(Self.property, Self.envelope)
    #expect(posted.replyCode == .success)
    #expect(try device.opened == #"{"id":"123","code":200,"data":{}}"#)
  }

  @Test(arguments: SDK.all)
  func `each of the SDK's leniencies is needed for itself alone`(sdk: SDK) throws {
    let needed = sdk.leniencies.authentication.union(sdk.leniencies.report)
    for missing in needed {
      var device = SDKBench(sdk, leniencies: needed.subtracting([missing]))
      var record = try device.authenticate()
      if record.code == .content { record = try device.report("/pk/device/user/update", "x") }
      #expect(record.code?.class == 4, "\(missing)")
      #expect(record.note.contains("--tolerant"), "\(missing)")
    }
    var device = SDKBench(sdk, leniencies: needed)
    #expect(try device.authenticate().code == .content)
    #expect(try device.report("/pk/device/user/update", "x").code == .content)
  }

  @Test(arguments: [false, true])
  func `a property without the object around its value is another setting's`(isTaken: Bool) throws {
    var device = SDKBench(.v2, leniencies: Set(Leniency.allCases)) {
      $0.takesPlainValues = isTaken
      $0.settingNames.plainValues = "--plain-values"
    }
    _ = try device.authenticate()
    let envelope = ThingBench.envelope("thing.event.property.post", #"{"Power":"on"}"#)
    let record = try device.report(Self.property, envelope)
    #expect(record.replyCode == (isTaken ? .success : .parameterError))
    #expect(record.line.contains("--plain-values") == !isTaken)
  }

  @Test func `the three reports of the C SDK 2 right after auth`() throws {
    var device = SDKBench(.v2, leniencies: Set(Leniency.allCases))
    _ = try device.authenticate()
    _ = try device.report("/sys/pk/device/thing/status/update", #"{"id":"1"}"#)
    let info = ThingBench.envelope(
      "thing.deviceinfo.update",
      #"[{"attrKey":"SYS_LP_SDK_VERSION","attrValue":"2.3.0"}]"#
    )
    let update = try device.report("/sys/pk/device/thing/deviceinfo/update", info)
    #expect(update.replyCode == .success)
    #expect(try device.opened.contains(#""code":200"#))
    let version = #"{"id":1,"params":{"version":"app-1.0.0"}}"#
    #expect(try device.report("/ota/device/inform/pk/device", version).code == .content)
    #expect(try device.report("/pk/device/user/update", "x").code == .content)
  }

  @Test func `the NON report of the C SDK 3 right after auth`() throws {
    let info = ThingBench.envelope(
      "thing.deviceinfo.update",
      #"[{"attrKey":"SYS_LP_SDK_VERSION","attrValue":"3.0.1"}]"#
    )
    let topic = "/sys/pk/device/thing/deviceinfo/update"
    var device = SDKBench(.v3, leniencies: Set(Leniency.allCases))
    _ = try device.authenticate()
    let update = try device.report(topic, info, type: .nonConfirmable)
    #expect(update.replyCode == .success)
    #expect(try type(of: device.bench.answers[0]) == .nonConfirmable)
    #expect(try device.opened.contains(#""code":200"#))
    #expect(try device.report("/pk/device/user/update", "x").code == .content)
    // Its option 61 is critical: without the leniency the request is not answered.
    var strict = SDKBench(.v3, leniencies: [])
    _ = try strict.authenticate()
    let rejected = try strict.report(topic, info, type: .nonConfirmable)
    #expect(rejected.code == nil)
    #expect(rejected.line.contains("--tolerant"))
    #expect(strict.bench.answers == [[0x70, 0, 0, 2]])
  }

  @Test(arguments: [UInt16(2_088), 61])
  func `devices with either token option live side by side`(tokenOption: UInt16) throws {
    for sdk in [SDK.v2, .v3] {
      var device = SDKBench(sdk, leniencies: Set(Leniency.allCases)) {
        $0.tokenOption = tokenOption
      }
      _ = try device.authenticate()
      let report = try device.report("/pk/device/user/update", "x")
      #expect(report.code == .content)
      let needed = report.tolerated.contains { $0.leniency == .otherTokenOption }
      #expect(needed == (sdk.tokenOption != tokenOption))
      var strict = SDKBench(sdk, leniencies: [.acceptOctetStream, .offsetAsSequence]) {
        $0.tokenOption = tokenOption
      }
      _ = try strict.authenticate()
      let refused = try strict.report("/pk/device/user/update", "x")
      #expect((refused.code == .content) == (sdk.tokenOption == tokenOption))
      if refused.code != .content {
        #expect(refused.note.contains("--tolerant"))
        #expect(try strict.opened == refused.note)
      }
    }
  }

  @Test(arguments: SDK.all)
  func `truncated and altered messages of an SDK are no trap, and stop no other device`(
    sdk: SDK
  ) throws {
    var device = SDKBench(sdk, leniencies: Set(Leniency.allCases))
    let authentication = try device.bench.request(
      ["auth"],
      SDK.options(sdk.authentication),
      Array(try sdk.authenticationJSON().utf8)
    )
    _ = try device.authenticate()
    let report = try device.request("/pk/device/user/update", #"{"value":1}"#)
    var hostile: [[UInt8]] = []
    for message in [authentication, report] {
      hostile += message.indices.map { Array(message[..<$0]) }
      for bit in 0..<message.count * 8 {
        var altered = message
        altered[bit / 8] ^= 1 << UInt8(bit % 8)
        hostile.append(altered)
      }
    }
    for (index, bytes) in hostile.enumerated() {
      let output = device.bench.platform.handle(
        bytes,
        from: 2 + index,
        at: Instant(milliseconds: 0)
      )
      for line in (output.record.map { [$0.line] + $0.toleratedLines } ?? []) {
        #expect(line.unicodeScalars.allSatisfy { $0.value >= 0x20 })
      }
    }
    #expect(try device.authenticate().code == .content)
    #expect(try device.report("/pk/device/user/update", "x").code == .content)
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot publish and a platform that does not take everything")
struct StubbornPlatformTests {
  private static let topic = "/a1B2c3D4e5F/device1/user/update"

  private func publish(
    _ endpoint: String,
    _ options: [String] = [],
    topic: String = topic,
    lines: Int = 3,
    payload: String? = nil
  ) async throws -> (run: Run, objects: [[String: Any]]) {
    let input = (1...max(1, lines)).map { payload ?? #"{"value":\#($0)}"# }
    let run = try await nbiot(
      [
        "publish", "--endpoint", endpoint, "--product-key", "a1B2c3D4e5F", "--device-name",
        "device1", "--topic", topic, "--output", "json",
      ] + options,
      input: lines == 0 ? "" : input.joined(separator: "\n") + "\n",
      environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
    )
    let objects = run.output.split(separator: "\n").compactMap {
      try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
    }
    return (run, objects)
  }

  private func outcomes(_ objects: [[String: Any]]) -> [String?] {
    objects.map { $0["outcome"] as? String }
  }

  @Test func `a report that is put off goes again when the time is over`() async throws {
    let platform = try StubPlatform { request in
      request.number == 0 ? .putOff(0x9D, seconds: 1) : .init(0x45)
    }
    let (run, objects) = try await publish("127.0.0.1:\(platform.port)")
    #expect(run.status == 0)
    #expect(outcomes(objects) == ["acknowledged", "acknowledged", "acknowledged"])
    let requests = platform.requests(to: "/update")
    #expect(requests.count == 4)
    #expect(requests[1].time - requests[0].time >= 1)
    #expect(run.errors.contains("again in 1 s"))
    platform.stop()
  }

  @Test func `a reply that puts a report off holds the topic, and its code is named`() async throws
  {
    let simulator = try Simulator(["--model-service-down"])
    let topic = "/sys/a1B2c3D4e5F/device1/thing/event/property/post"
    let (run, objects) = try await publish(
      "127.0.0.1:\(simulator.port)",
      ["--max-wait", "5"],
      topic: topic,
      payload:
        #"{"id":"1","version":"1.0","params":{"a":{"value":1}},"method":"thing.event.property.post"}"#
    )
    #expect(run.status != 0)
    #expect(outcomes(objects) == ["rejected", "refused", "refused"])
    #expect(objects.first?["replyCode"] as? Int == 6_313)
    #expect(run.errors.contains("report 1: the platform's reply puts the report off: code 6313"))
    #expect(
      run.errors.contains("report 3: the platform has put off reports to this topic: not before ")
    )
    let log = try simulator.stop().log
    #expect(log.components(separatedBy: "event/property/post").count == 2, "\(log)")
  }

  private static let device = [
    "--product-key", "a1B2c3D4e5F", "--device-name", "device1", "--endpoint",
  ]
  private static let secret = ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]

  @Test(arguments: [
    (["ota", "inform", "--firmware", "1.0.1"], 1), (["ota", "progress", "--step", "50"], 1),
    (["ota", "check", "--firmware", "1.0.1"], 2),
    (["ota", "upgrade", "--firmware", "1.0.1", "--to", "/tmp/none.bin"], 2), (["pull"], 1),
  ])
  func `a request that is put off goes again when the time is over`(
    command: [String],
    requests: Int
  ) async throws {
    let platform = try StubPlatform { request in
      request.number == 0 ? .putOff(0xA3, seconds: 1) : .init(0x45)
    }
    let endpoint = Self.device + ["127.0.0.1:\(platform.port)"]
    let run = try await nbiot(command + endpoint, environment: Self.secret)
    #expect(run.status == 0, "\(run.errors)")
    #expect(run.errors.components(separatedBy: "again in 1 s").count == requests + 1)
    #expect(platform.requests(to: "").count == 1 + 2 * requests)
    // And not where nobody wants to wait.
    let impatient = try StubPlatform { _ in .putOff(0xA3, seconds: 1) }
    let other = Self.device + ["127.0.0.1:\(impatient.port)", "--max-wait", "0"]
    let hasty = try await nbiot(command + other, environment: Self.secret)
    #expect(hasty.status == 1, "\(hasty.errors)")
    #expect(impatient.requests().count == 2)
    platform.stop()
    impatient.stop()
  }

  @Test(arguments: [["thing.topo.get"], ["thing.event.property.post", #"{"a":{"value":1}}"#]])
  func `a call that is put off goes again, and an answer without a reply is no success`(
    call: [String]
  ) async throws {
    let platform = try StubPlatform { request in
      request.number == 0 ? .putOff(0xA3, seconds: 1) : .init(0x45)
    }
    let run = try await nbiot(
      ["call"] + call + Self.device + ["127.0.0.1:\(platform.port)"],
      environment: Self.secret
    )
    #expect(run.status == 1)
    #expect(run.output.isEmpty)
    #expect(run.errors.contains("again in 1 s"))
    #expect(run.errors.contains("(2.05 Content) but sent no reply"), "\(run.errors)")
    #expect(platform.requests().count == 3)
    platform.stop()
  }

  @Test(arguments: [0x9D, 0xA3] as [UInt8])
  func `where that takes too long each line has a result, and there is one request`(
    code: UInt8
  ) async throws {
    let platform = try StubPlatform { _ in .init(code) }
    let (run, objects) = try await publish(
      "127.0.0.1:\(platform.port)",
      ["--max-wait", "59"],
      lines: 20
    )
    #expect(run.status == 1)
    #expect(outcomes(objects) == ["rejected"] + Array(repeating: "refused", count: 19))
    #expect(objects.allSatisfy { ($0["error"] as? String)?.contains("60 s") == true })
    #expect(platform.requests(to: "/update").count == 1)
    platform.stop()
  }

  @Test func `an auth that is put off is no refusal of the device`() async throws {
    let platform = try StubPlatform(answersAuth: true) { _ in .init(0xA3) }
    let (run, objects) = try await publish("127.0.0.1:\(platform.port)", ["--max-wait", "0"])
    #expect(run.status == 1)
    #expect(objects.count == 3)
    #expect(objects[0]["code"] as? String == "5.03")
    #expect(platform.requests().count == 1)
    platform.stop()
  }

  @Test func `an answer that is longer than a datagram, or does not open, is marked`() async throws
  {
    for (count, extent) in [(1_600, "cut"), (33, "unreadable")] {
      let platform = try StubPlatform { _ in .content(count) }
      let (run, objects) = try await publish("127.0.0.1:\(platform.port)")
      #expect(run.status == 0)
      #expect(outcomes(objects) == ["acknowledged", "acknowledged", "acknowledged"])
      #expect(objects.allSatisfy { $0["answerExtent"] as? String == extent })
      #expect(platform.requests(to: "/update").count == (extent == "cut" ? 3 : 4))
      #expect(platform.requests(to: "/auth").count == (extent == "cut" ? 1 : 2))
      platform.stop()
    }
  }

  @Test func `a report that is never taken costs two tokens, and the others are delivered`()
    async throws
  {
    for code: UInt8 in [0x80, 0x82] {
      let platform = try StubPlatform { request in .init(request.number < 2 ? code : 0x45) }
      let (run, objects) = try await publish("127.0.0.1:\(platform.port)")
      #expect(run.status == 1)
      #expect(outcomes(objects) == ["rejected", "acknowledged", "acknowledged"])
      #expect(platform.requests(to: "/auth").count == 2)
      #expect(platform.requests(to: "/update").count == 4)
      platform.stop()
    }
  }

  @Test func `a reply that refuses a report is printed`() async throws {
    let simulator = try Simulator()
    let (run, objects) = try await publish(
      "127.0.0.1:\(simulator.port)",
      topic: "/sys/a1B2c3D4e5F/device1/thing/event/property/post",
      lines: 1,
      payload: #"{"id":"abc","version":"1.0","params":{},"method":"x"}"#
    )
    #expect(run.status == 1)
    #expect(outcomes(objects) == ["rejected"])
    #expect(objects.first?["code"] as? String == "2.05")
    #expect(objects.first?["replyCode"] as? Int == 460)
    #expect(objects.first?["replyMessage"] is String)
    _ = try simulator.stop()
  }

  @Test func `each line that was read has a result where the endpoint is none`() async throws {
    // A port that was free a moment ago.
    let platform = try StubPlatform { _ in nil }
    platform.stopAndWait()
    for endpoint in ["127.0.0.1:\(platform.port)", "no-such-host.invalid:5682"] {
      let (run, objects) = try await publish(endpoint)
      #expect(run.status == 4)
      #expect(outcomes(objects) == ["refused", "refused", "refused"])
      #expect(objects.map { $0["report"] as? Int } == [1, 2, 3])
      #expect(objects.allSatisfy { ($0["error"] as? String)?.isEmpty == false })
      let single = try await publish(endpoint, ["--payload", "1"], lines: 0)
      #expect(single.run.status == 4)
      #expect(outcomes(single.objects) == ["refused"])
    }
  }

  @Test func `each line that was read has a result where the device is refused`() async throws {
    let platform = try StubPlatform(answersAuth: true) { _ in .init(0x81) }
    let (run, objects) = try await publish("127.0.0.1:\(platform.port)")
    #expect(run.status == 3)
    #expect(outcomes(objects) == ["refused", "refused", "refused"])
    #expect(platform.requests().count == 1)
    platform.stop()
  }

  /// Process of Foundation takes arguments that are texts, so a shell makes these bytes.
  @Test func `arguments that are not UTF-8 are a usage error`() async throws {
    let shell = Process()
    let errors = Pipe.ofChild()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = [
      "-c",
      #"exec "$0" publish --product-key a1B2c3D4e5F --device-name device1 --topic "$(printf '/a/\377')" --payload 1"#,
      program.path,
    ]
    shell.standardError = errors
    try shell.start()
    let text = try errors.fileHandleForReading.readToEnd() ?? Data()
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 2)
    #expect(String(decoding: text, as: UTF8.self).contains("argument 7 is not UTF-8"))
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("nbiot publish and a signal amid its lines")
struct InterruptedPublishTests {
  private static let topic = "/a1B2c3D4e5F/device1/user/update"

  /// A run whose input stays open, as that of a program that is yet to say more.
  private final class Running {
    let process: Process
    let input = Pipe.ofChild()
    private let output = Pipe.ofChild()
    private let errors = Pipe.ofChild()

    init(_ port: UInt16, _ options: [String] = []) throws {
      process = nbiotTests.process(
        [
          "publish", "--endpoint", "127.0.0.1:\(port)", "--product-key", "a1B2c3D4e5F",
          "--device-name", "device1", "--topic", topic, "--output", "json",
        ] + options,
        environment: ["NBIOT_DEVICE_SECRET": "0123456789abcdef0123456789abcdef"]
      )
      process.standardInput = input
      process.standardOutput = output
      process.standardError = errors
      try process.start()
    }

    func write(_ text: String) throws {
      try input.fileHandleForWriting.write(contentsOf: Data(text.utf8))
    }

    /// The next output, as soon as there is some.
    func read() -> String {
      String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    }

    /// The rest of the output and the errors once the program has ended.
    func finish() throws -> (output: String, errors: String) {
      let rest = try output.fileHandleForReading.readToEnd() ?? Data()
      let said = try errors.fileHandleForReading.readToEnd() ?? Data()
      process.waitUntilExit()
      return (String(decoding: rest, as: UTF8.self), String(decoding: said, as: UTF8.self))
    }
  }

  private func outcomes(_ output: String) -> [String] {
    output.split(separator: "\n").map { line in
      let object = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
      return "\(object?["report"] ?? "?") \(object?["outcome"] ?? "?")"
    }
  }

  @Test(arguments: [SIGINT, SIGTERM])
  func `each line that was read has its object, and the signal ends the program`(
    number: Int32
  ) throws {
    let platform = try StubPlatform { $0.number == 0 ? .init(0x45) : nil }
    let run = try Running(platform.port)
    try run.write((1...5).map { "{\"value\":\($0)}\n" }.joined())
    let first = run.read()
    #expect(outcomes(first) == ["1 acknowledged"])
    while platform.requests(to: "/update").count < 2 { usleep(1_000) }
    kill(run.process.processIdentifier, number)
    let (rest, errors) = try run.finish()
    #expect(outcomes(rest) == ["2 timedOut", "3 refused", "4 refused", "5 refused"], "\(rest)")
    #expect(rest.contains("the platform may or may not have the report"))
    // The one that was sent says so.
    let counts = rest.matches(of: /"transmissions":([0-9]+)/).map { String($0.1) }
    #expect(counts.first == "1", "\(rest)")
    #expect(errors.contains("nbiot: 5 reports, 1 acknowledged"), "\(errors)")
    #expect(run.process.terminationReason == .uncaughtSignal)
    #expect(run.process.terminationStatus == number)
    #expect(platform.requests(to: "/update").count == 2)
    platform.stop()
  }

  @Test func `a report that waits for its turn is not sent, and one that never went is refused`()
    throws
  {
    let platform = try StubPlatform { $0.number == 0 ? .putOff(0xA3, seconds: 3_600) : .init(0x45) }
    let waiting = try Running(platform.port)
    try waiting.write("1\n2\n")
    while platform.requests(to: "/update").isEmpty { usleep(1_000) }
    // The sleep begins when the answer is there, and a signal before it counts as well.
    kill(waiting.process.processIdentifier, SIGINT)
    #expect(outcomes(try waiting.finish().output).last == "2 refused")
    #expect(platform.requests(to: "/update").count == 1)
    platform.stop()

    let silent = try StubPlatform(answersAuth: true) { _ in nil }
    let unsent = try Running(silent.port)
    try unsent.write("1\n2\n")
    while silent.requests(to: "/auth").isEmpty { usleep(1_000) }
    kill(unsent.process.processIdentifier, SIGINT)
    #expect(outcomes(try unsent.finish().output) == ["1 refused", "2 refused"])
    silent.stop()
  }

  @Test func `one that waits for a line ends at once, without an object`() throws {
    let platform = try StubPlatform { _ in .init(0x45) }
    let run = try Running(platform.port)
    try run.write("1\nthe beginning of a li")
    #expect(outcomes(run.read()) == ["1 acknowledged"])
    kill(run.process.processIdentifier, SIGINT)
    let (rest, _) = try run.finish()
    #expect(rest.isEmpty)
    #expect(run.process.terminationReason == .uncaughtSignal)
    #expect(run.process.terminationStatus == SIGINT)
    platform.stop()
  }

  @Test func `a second signal ends it without waiting for anything`() throws {
    let platform = try StubPlatform { _ in nil }
    let run = try Running(platform.port)
    try run.write("1\n")
    while platform.requests(to: "/update").isEmpty { usleep(1_000) }
    kill(run.process.processIdentifier, SIGINT)
    kill(run.process.processIdentifier, SIGTERM)
    run.process.waitUntilExit()
    #expect(run.process.terminationReason == .uncaughtSignal)
    platform.stop()
  }

  @Test func `a reader that has stopped does not keep the program`() throws {
    let platform = try StubPlatform { _ in .init(0x45) }
    let run = try Running(platform.port)
    let writer = run.input
    // More results than a pipe holds, which nobody reads.
    Thread.detachNewThread {
      for _ in 0..<40 {
        let text = String(repeating: "1\n", count: 100)
        guard (try? writer.fileHandleForWriting.write(contentsOf: Data(text.utf8))) != nil else {
          return
        }
      }
    }
    var last = -1
    while true {
      let count = platform.requests(to: "/update").count
      if count > 100, count == last { break }
      last = count
      usleep(300_000)
    }
    kill(run.process.processIdentifier, SIGINT)
    run.process.waitUntilExit()
    #expect(run.process.terminationReason == .uncaughtSignal)
    platform.stop()
  }
}

// SPDX-License-Identifier: Apache-2.0
package import Foundation
internal import Synchronization

/// An MQTT client of another author, Eclipse Paho for Python, in a process of its own (`mqtt_client.py`).
package final class MQTTClient {
  /// Something that happened to it.
  package struct Event {
    private let object: [String: Any]

    fileprivate init(_ object: [String: Any]) { self.object = object }

    /// `connected`, `message`, `published`, `subscribed`, `unsubscribed`, `disconnected` or `failed`.
    package var name: String { object["event"] as? String ?? "" }
    /// The CONNACK's.
    package var code: Int? { object["code"] as? Int }
    /// Whether the broker had a session.
    package var hasSession: Bool { object["session"] as? Bool ?? false }
    /// A message's.
    package var topic: String { object["topic"] as? String ?? "" }
    /// A message's, a character a byte.
    package var payload: String { object["payload"] as? String ?? "" }
    /// A message's.
    package var qos: Int? { object["qos"] as? Int }
    /// A SUBACK's.
    package var granted: [Int] { object["granted"] as? [Int] ?? [] }

    /// A message's payload as JSON.
    package var json: [String: Any] {
      let data = Data(payload.unicodeScalars.map { UInt8($0.value) })
      return (try? JSONSerialization.jsonObject(with: data)) as? [String: Any] ?? [:]
    }
  }

  private let process = Process()
  private let input = Pipe.ofChild()
  private let lines: OutputLines

  /// Connects with these settings, which the script describes; what comes of it is the first event.
  package init(_ settings: [String: Any]) throws {
    guard let script = Bundle.module.url(forResource: "mqtt_client", withExtension: "py") else {
      throw OutputLines.Missing(description: "there is no mqtt_client.py")
    }
    let data = try JSONSerialization.data(withJSONObject: settings)
    // Debian's own, which has Debian's packages.
    process.executableURL = URL(filePath: "/usr/bin/python3")
    process.arguments = ["-B", script.path, String(decoding: data, as: UTF8.self)]
    process.standardInput = input
    let output = Pipe.ofChild()
    process.standardOutput = output
    lines = OutputLines(output)
    try process.start()
  }

  deinit {
    if process.isRunning { Foundation.kill(process.processIdentifier, SIGKILL) }
  }

  private func tell(_ what: [String: Any]) throws {
    let line = try JSONSerialization.data(withJSONObject: what) + [0x0A]
    try input.fileHandleForWriting.write(contentsOf: line)
  }

  /// Publishes a message.
  package func publish(
    _ topic: String,
    _ payload: String = "",
    qos: Int = 0,
    retain: Bool = false
  ) throws {
    try tell(["do": "publish", "topic": topic, "payload": payload, "qos": qos, "retain": retain])
  }

  /// Subscribes to a topic, and waits for the SUBACK.
  @discardableResult
  package func subscribe(_ topic: String, qos: Int = 1) throws -> [Int] {
    try tell(["do": "subscribe", "topic": topic, "qos": qos])
    return try next("subscribed").granted
  }

  /// Unsubscribes, and waits for the UNSUBACK.
  package func unsubscribe(_ topic: String) throws {
    try tell(["do": "unsubscribe", "topic": topic])
    _ = try next("unsubscribed")
  }

  /// Disconnects as clients should.
  package func disconnect() throws {
    try tell(["do": "disconnect"])
    _ = try next("disconnected")
    process.waitUntilExit()
  }

  /// Ends it without a word.
  package func kill() {
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  /// The next event of that name; those of other names are kept for later.
  package func next(_ name: String) throws -> Event {
    let line = try lines.next { line in
      guard let data = line.data(using: .utf8) else { return false }
      let object = (try? JSONSerialization.jsonObject(with: data)) as? [String: Any]
      return object?["event"] as? String == name
    }
    let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
    return Event(object ?? [:])
  }

  /// The next message on a topic.
  package func message(_ topic: String) throws -> Event {
    while true {
      let event = try next("message")
      if event.topic == topic { return event }
    }
  }
}

/// What a program prints, line by line, as it comes.
package final class OutputLines: Sendable {
  /// No such line came in time, or ever.
  package struct Missing: Error, CustomStringConvertible {
    package let description: String
  }

  private struct State {
    var partial = Data()
    var lines: [String] = []
    var isAtEnd = false
  }

  private let state = Mutex(State())
  private let news = DispatchSemaphore(value: 0)

  /// Reads a pipe to its end, on a thread of its own.
  package init(_ pipe: Pipe) {
    let handle = pipe.fileHandleForReading
    Thread { [self] in
      while true {
        let data = handle.availableData
        state.withLock { state in
          state.isAtEnd = data.isEmpty
          state.partial += data
          while let end = state.partial.firstIndex(of: 0x0A) {
            let line = state.partial[state.partial.startIndex..<end]
            state.lines.append(String(decoding: line, as: UTF8.self))
            state.partial = Data(state.partial[(end + 1)...])
          }
        }
        news.signal()
        if data.isEmpty { return }
      }
    }.start()
  }

  /// Takes the first line that fits, once it is there; those before it stay.
  package func next(_ fits: (String) -> Bool) throws -> String {
    let deadline = DispatchTime.now() + 60
    while true {
      let (found, isAtEnd) = state.withLock { state -> (String?, Bool) in
        guard let index = state.lines.firstIndex(where: fits) else { return (nil, state.isAtEnd) }
        return (state.lines.remove(at: index), false)
      }
      if let found { return found }
      guard !isAtEnd, news.wait(timeout: deadline) == .success else {
        let rest = state.withLock { $0.lines }.suffix(20).joined(separator: "\n")
        throw Missing(description: "no such line among:\n\(rest)")
      }
    }
  }

  /// Waits for a line that fits, and leaves all of them.
  @discardableResult
  package func wait(_ fits: (String) -> Bool) throws -> String {
    let line = try next(fits)
    state.withLock { $0.lines.insert(line, at: 0) }
    return line
  }

  /// Waits for a line that contains a text, and leaves all of them.
  @discardableResult
  package func wait(for text: String) throws -> String { try wait { $0.contains(text) } }

  /// All that is there now and was not taken.
  package var text: String { state.withLock { $0.lines.joined(separator: "\n") } }

  /// All that was not taken, once the program has closed its output.
  package func rest() throws -> String {
    while !state.withLock({ $0.isAtEnd }) {
      guard news.wait(timeout: .now() + 60) == .success else {
        throw Missing(description: "the output has no end")
      }
    }
    return text
  }
}

// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

/// A browser without a window, driven over WebDriver (W3C Recommendation of 2018).
final class Chromium {
  /// Whether there are Chromium and its driver, which `make peers` installs; where the peers are required, the tests
  /// run and fail.
  static let isInstalled =
    ProcessInfo.processInfo.environment["NBIOT_REQUIRE_PEERS"] != nil
    || ["/usr/bin/chromium", "/usr/bin/chromedriver"].allSatisfy {
      FileManager.default.isExecutableFile(atPath: $0)
    }

  /// What the driver says about an order that failed.
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  private let driver = Process()
  private let log: OutputLines
  private var port: UInt16 = 0
  private var base = "/session"

  init(width: Int = 1_600, height: Int = 900) async throws {
    driver.executableURL = URL(filePath: "/usr/bin/chromedriver")
    driver.arguments = ["--port=0"]
    let output = Pipe.ofChild()
    driver.standardOutput = output
    driver.standardError = FileHandle.nullDevice
    log = OutputLines(output)
    try driver.start()
    let line = try log.next { $0.contains("started successfully on port") }
    port = try #require(line.firstMatch(of: /port ([0-9]+)/).flatMap { UInt16($0.1) })
    let options: [String: Any] = [
      "args": [
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
        "--window-size=\(width),\(height)",
      ]
    ]
    let answer = try await post(
      "",
      ["capabilities": ["alwaysMatch": ["goog:chromeOptions": options]]]
    )
    let session = try #require((answer as? [String: Any])?["sessionId"] as? String)
    base += "/\(session)"
    try await resize(width, height)
  }

  deinit { close() }

  /// Ends the browser, and then the driver, which takes no notice of SIGTERM.
  func close() {
    guard driver.isRunning else { return }
    _ = try? exchange("DELETE", base, Data())
    kill(driver.processIdentifier, SIGKILL)
    driver.waitUntilExit()
  }

  func open(_ url: String) async throws { _ = try await post("/url", ["url": url]) }

  /// Gives the page a size in pixels, whatever the window's least width is.
  func resize(_ width: Int, _ height: Int) async throws {
    _ = try await command(
      "Emulation.setDeviceMetricsOverride",
      ["width": width, "height": height, "deviceScaleFactor": 1, "mobile": false]
    )
  }

  func prefer(dark: Bool) async throws {
    let feature = ["name": "prefers-color-scheme", "value": dark ? "dark" : "light"]
    _ = try await command("Emulation.setEmulatedMedia", ["features": [feature]])
  }

  /// What a function's body returns.
  @discardableResult
  func run(_ script: String) async throws -> Any? {
    try await post("/execute/sync", ["script": script, "args": [] as [Any]])
  }

  /// The text that a script returns.
  func text(_ script: String) async throws -> String {
    try await run("return String(\(script))") as? String ?? ""
  }

  /// Waits until an expression is true, for a minute and more.
  func wait(
    for expression: String,
    _ location: SourceLocation = #_sourceLocation
  ) async throws {
    for _ in 0..<1_200 {
      if try await run("return !!(\(expression))") as? Bool == true { return }
      try await Task.sleep(for: .milliseconds(50))
    }
    let page = try await text("document.body.innerText")
    Issue.record("never came true: \(expression)\n\(page)", sourceLocation: location)
    throw Failure(description: "\(expression) has never come true")
  }

  /// Types into whatever has the focus; WebDriver has codes for the keys without a character.
  func type(_ keys: String) async throws {
    let actions = keys.flatMap { key in
      ["keyDown", "keyUp"].map { ["type": $0, "value": String(key)] }
    }
    let source: [String: Any] = ["type": "key", "id": "keys", "actions": actions]
    _ = try await post("/actions", ["actions": [source]])
  }

  /// Clicks with the mouse in the middle of the first element that a selector finds.
  func click(_ selector: String) async throws {
    let found = try await post("/element", ["using": "css selector", "value": selector])
    let id = try #require((found as? [String: Any])?.values.first as? String)
    _ = try await post("/element/\(id)/click", [:])
  }

  /// A command of the browser's own protocol.
  func command(_ name: String, _ parameters: [String: Any] = [:]) async throws -> Any? {
    try await post("/goog/cdp/execute", ["cmd": name, "params": parameters])
  }

  /// What a screen reader finds: each role with its name.
  func tree() async throws -> [String] {
    let answer = try await command("Accessibility.getFullAXTree") as? [String: Any]
    let nodes = answer?["nodes"] as? [[String: Any]] ?? []
    return nodes.compactMap { node in
      guard node["ignored"] as? Bool != true,
        let role = (node["role"] as? [String: Any])?["value"] as? String
      else { return nil }
      let name = (node["name"] as? [String: Any])?["value"] as? String ?? ""
      return name.isEmpty ? role : "\(role) \(name)"
    }
  }

  private func post(_ path: String, _ body: [String: Any]) async throws -> Any? {
    let data = try exchange("POST", base + path, try JSONSerialization.data(withJSONObject: body))
    let answer = try JSONSerialization.jsonObject(with: data) as? [String: Any]
    let value = answer?["value"]
    if let failure = value as? [String: Any], let error = failure["error"] as? String {
      throw Failure(description: "\(path): \(error): \(failure["message"] ?? "")")
    }
    return value
  }

  /// One request on a connection of its own: FoundationNetworking cannot read the driver's headers.
  private func exchange(_ method: String, _ path: String, _ body: Data) throws -> Data {
    // What is never answered fails after two minutes, which is enough for a browser to start, and holds up no other test.
    guard let descriptor = try? LoopbackSocket.stream(to: port, patience: 120) else {
      throw Failure(description: "the driver does not listen")
    }
    defer { Foundation.close(descriptor) }
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: false)
    let head =
      "\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\nContent-Type: application/json\r\n"
      + "Content-Length: \(body.count)\r\nConnection: close\r\n\r\n"
    try handle.write(contentsOf: Data(head.utf8) + body)
    var answer = Data()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let blank = Data("\r\n\r\n".utf8)
    while true {
      if let end = answer.range(of: blank) {
        let head = String(decoding: answer[..<end.lowerBound], as: UTF8.self).lowercased()
        let count = head.firstMatch(of: /content-length: *([0-9]+)/).flatMap { Int($0.1) }
        let rest = answer[end.upperBound...]
        if let count, rest.count >= count { return Data(rest.prefix(count)) }
      }
      let count = unsafe recv(descriptor, &buffer, buffer.count, 0)
      guard count > 0 else {
        throw Failure(
          description: "the driver has closed the connection, or not answered in 2 minutes"
        )
      }
      answer += buffer[..<count]
    }
  }
}

/// Keys without a character (WebDriver Section 17.4.2).
enum Key {
  static let enter = "\u{E007}"
  static let escape = "\u{E00C}"
  static let end = "\u{E010}"
  static let home = "\u{E011}"
  static let up = "\u{E013}"
  static let down = "\u{E015}"
}

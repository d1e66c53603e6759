// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformFaults

/// A request over the control socket: one JSON object on a line.
enum ControlRequest {
  case push(PushRequest)
  /// Who is connected.
  case list
  /// Closes a device's connection, after the notice that another one is in its place.
  case kick(String)
  /// Closes it without a word.
  case disconnect(String)
  /// Ends mosquitto.
  case stopBroker
  /// Ends it and starts it anew on the same ports.
  case restartBroker
  /// Adds faults.
  case addFaults([FaultRule])
  /// The faults that hold.
  case listFaults
  /// Removes one, or all of them.
  case removeFault(Int?)

  /// Why a line is no request.
  struct Failure: Error {
    let reason: String
    /// Whether it is no JSON object: whoever sends that speaks another protocol, as a browser does.
    var isForeign = false
  }

  init(_ line: [UInt8]) throws(Failure) {
    guard let value = PayloadValue(line, .json), value.members != nil else {
      throw Failure(reason: "the line is no JSON object", isForeign: true)
    }
    switch value["do"]?.string {
    case "push": self = .push(try PushRequest(control: value))
    case "list": self = .list
    case "kick": self = .kick(try Self.path(value))
    case "disconnect": self = .disconnect(try Self.path(value))
    case "stop-broker": self = .stopBroker
    case "restart-broker": self = .restartBroker
    case "fault-add":
      let text = try Self.text("fault", of: value)
      do throws(FaultTextError) {
        self = .addFaults(try FaultRule.rules(text))
      } catch {
        throw Failure(reason: error.description)
      }
    case "fault-list": self = .listFaults
    case "fault-remove":
      if value["id"] == .text("all") {
        self = .removeFault(nil)
      } else if let id = value["id"]?.integer.flatMap({ Int(exactly: $0) }) {
        self = .removeFault(id)
      } else {
        throw Failure(reason: "id is no number and not all")
      }
    default:
      throw Failure(
        reason: "do is not push, list, kick, disconnect, stop-broker, restart-broker, fault-add, "
          + "fault-list or fault-remove"
      )
    }
  }

  private static func path(_ value: PayloadValue) throws(Failure) -> String {
    "\(try text("productKey", of: value))/\(try text("deviceName", of: value))"
  }

  fileprivate static func text(_ name: String, of value: PayloadValue) throws(Failure) -> String {
    guard let text = value[name]?.string else { throw Failure(reason: "\(name) is no text") }
    guard !text.isEmpty else { throw Failure(reason: "\(name) is empty") }
    return text
  }
}

extension PushRequest {
  fileprivate init(control value: PayloadValue) throws(ControlRequest.Failure) {
    guard let kind = Kind(rawValue: value["kind"]?.string ?? "") else {
      throw ControlRequest.Failure(reason: "kind is none that is known")
    }
    self.init(
      kind,
      productKey: try ControlRequest.text("productKey", of: value),
      deviceName: try ControlRequest.text("deviceName", of: value)
    )
    parameters = value["params"]
    service = value["service"]?.string
    topic = value["topic"]?.string
    if let text = value["payload"]?.string { payload = Array(text.utf8) }
    if let digits = value["payloadHex"]?.string {
      guard let bytes = Self.bytes(hexadecimal: digits) else {
        throw ControlRequest.Failure(reason: "payloadHex has no even number of hexadecimal digits")
      }
      payload = bytes
    }
    isSynchronous = value["synchronous"] == .boolean(true)
    isUnchecked = value["unchecked"] == .boolean(true)
    waitsForPull = value["forPull"] == .boolean(true)
    if let wait = value["wait"] {
      guard let number = wait.integer, (0...3_600_000).contains(number) else {
        throw ControlRequest.Failure(reason: "wait is not 0 to 3,600,000 milliseconds")
      }
      self.wait = Milliseconds(number)
    }
  }

  private static func bytes(hexadecimal digits: String) -> [UInt8]? {
    let values = digits.utf8.map { Character(Unicode.Scalar($0)).hexDigitValue }
    guard values.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: values.count, by: 2) {
      guard let high = values[index], let low = values[index + 1] else { return nil }
      bytes.append(UInt8(high << 4 | low))
    }
    return bytes
  }
}

extension PushResult {
  /// As the control socket tells it.
  var value: PayloadValue {
    var members: [PayloadValue.Member] = [.init("outcome", .text(outcome.rawValue))]
    func add(_ name: String, _ text: String) {
      if !text.isEmpty { members.append(.init(name, .text(text))) }
    }
    func add(_ name: String, bytes: [UInt8]) {
      guard !bytes.isEmpty else { return }
      if let text = String(validating: bytes, as: UTF8.self) {
        members.append(.init(name, .text(text)))
      } else {
        let digits = bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        members.append(.init("\(name)Hex", .text(digits)))
      }
    }
    add("reason", reason)
    add("topic", topic)
    add("id", identifier)
    add("payload", bytes: payload)
    if [.sent, .answered, .silent].contains(outcome) { add("answerTopic", answerTopic) }
    guard outcome == .answered || outcome == .silent else { return .object(members) }
    add("answer", bytes: answer)
    if let code { members.append(.init("code", .integer(code))) }
    members.append(.init("milliseconds", .integer(milliseconds)))
    return .object(members)
  }
}

extension OnlineDevice {
  /// As the control socket tells it.
  var value: PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("productKey", .text(productKey)), .init("deviceName", .text(deviceName)),
    ]
    if let gateway { members.append(.init("gateway", .text(gateway))) }
    members += [
      .init("transport", .text(transport.rawValue)), .init("address", .text(address)),
      .init("clientID", .text(clientID)), .init("keepAlive", .integer(Int64(keepAlive))),
      .init("cleanSession", .boolean(isClean)),
    ]
    return .object(members)
  }
}

extension FaultTable.Entry {
  /// As the control socket tells it.
  func value(at now: Instant) -> PayloadValue {
    var members: [PayloadValue.Member] = [
      .init("id", .integer(Int64(id))), .init("fault", .text(description)),
      .init("count", .integer(Int64(count))),
    ]
    if let end { members.append(.init("milliseconds", .integer(max(0, (end - now).count)))) }
    return .object(members)
  }
}

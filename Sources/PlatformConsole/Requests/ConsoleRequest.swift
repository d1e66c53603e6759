// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues

/// A request of a browser or another program, as far as the console looks at it.
struct ConsoleRequest: Sendable {
  var method: String
  /// The path, without a query.
  var path: String
  var fields: [(name: String, value: String)] = []
  var body: [UInt8] = []

  init(_ method: String, _ target: String) {
    self.method = method
    path = String(target.prefix { $0 != "?" && $0 != "#" })
  }

  /// The value of a field; `nil` where there is none, or more than one.
  func value(_ name: String) -> String? {
    let values = fields.filter { $0.name.lowercased() == name }
    return values.count == 1 ? values[0].value : nil
  }

  /// Whether the field is there at all.
  func has(_ name: String) -> Bool { fields.contains { $0.name.lowercased() == name } }
}

/// What the console answers.
struct ConsoleAnswer: Sendable {
  var status: Int
  var type = "text/plain; charset=utf-8"
  var body: [UInt8] = []
  var fields: [(name: String, value: String)] = []

  /// A sentence.
  init(_ status: Int, _ text: String) {
    self.status = status
    body = Array((text + "\n").utf8)
  }

  /// A value in JSON.
  init(_ value: PayloadValue, status: Int = 200) {
    self.status = status
    type = "application/json"
    body = value.encoded(.json)
  }

  /// A page or a part of it.
  init(_ body: [UInt8], type: String, status: Int = 200) {
    self.status = status
    self.type = type
    self.body = body
  }
}

/// What follows from a request.
enum ConsoleReaction {
  /// The answer.
  case answer(ConsoleAnswer)
  /// A stream of events that goes on; `session` is the login that it belongs to, if any.
  case events(session: String?)
  /// A reader of events has read what it was sent.
  case here(stream: Int64)
  /// The answer; the streams of events of these logins end.
  case leave(sessions: [String], ConsoleAnswer)
  /// The platform is asked this, and its answer is made into one.
  case ask(PayloadValue, @Sendable (PayloadValue) -> ConsoleAnswer)
}

internal import ConstrainedCore
internal import PayloadCoding

/// A result of named values, as lines for a person or as one object for a program.
struct ResultLines {
  private enum Value {
    case text(String)
    case number(UInt64)
    /// A value in JSON.
    case json([UInt8])
  }

  private var entries: [(label: String, key: String, value: Value)] = []

  /// Adds a text; `label` is for a person, `key` for a program.
  mutating func add(_ label: String, _ key: String, _ text: String) {
    entries.append((label, key, .text(text)))
  }

  /// Adds a number.
  mutating func add(_ label: String, _ key: String, _ number: UInt64) {
    entries.append((label, key, .number(number)))
  }

  /// Adds a value that is JSON already.
  mutating func add(_ label: String, _ key: String, json: [UInt8]) {
    entries.append((label, key, .json(json)))
  }

  /// Prints them.
  func print(_ output: OutputArgument) {
    switch output {
    case .text: printText()
    case .json: printJSON()
    }
  }

  private func printText() {
    let width = entries.map { $0.label.count }.max() ?? 0
    for entry in entries {
      let padding = String(repeating: " ", count: width - entry.label.count + 2)
      switch entry.value {
      case .text(let text):
        let shown = ReadableText.plain(text.utf8Span.span, keepsLines: false) ?? text
        Console.print(entry.label + padding + shown)
      case .number(let number): Console.print(entry.label + padding + "\(number)")
      case .json(let bytes):
        let text = String(decoding: bytes, as: UTF8.self)
        let shown = ReadableText.plain(text.utf8Span.span, keepsLines: false) ?? text
        Console.print(entry.label + padding + shown)
      }
    }
  }

  private func printJSON() {
    // Six bytes for each one in a text is the worst that escaping does.
    let size = entries.reduce(64) { sum, entry in
      switch entry.value {
      case .text(let text): sum + 64 + 6 * text.utf8.count
      case .number: sum + 64
      case .json(let bytes): sum + 64 + bytes.count
      }
    }
    var buffer = [UInt8](repeating: 0, count: size)
    var json = JSONWriter(buffer.mutableSpan)
    do throws(CapacityError) {
      try json.beginObject()
      for entry in entries {
        let key = Array(entry.key.utf8)
        switch entry.value {
        case .text(let text):
          try json.key(key.span)
          try json.text(text)
        case .number(let number):
          try json.key(key.span)
          try json.unsigned(number)
        case .json(let bytes):
          let member = Array("\"\(entry.key)\":".utf8) + bytes
          try json.member(member.span)
        }
      }
      try json.endObject()
    } catch {
      preconditionFailure("the buffer has room for every value escaped")
    }
    Console.print(json: json.written)
  }
}

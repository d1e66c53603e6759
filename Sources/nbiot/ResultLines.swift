// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// A result of named values, printed as lines for people or as one object for programs.
struct ResultLines {
  private enum Value {
    case text(String)
    case number(UInt64)
    /// An encoded JSON value.
    case json([UInt8])
  }

  private var entries: [(label: String, key: String, value: Value)] = []

  /// Adds a text; `label` is for people, `key` for programs.
  mutating func add(_ label: String, _ key: String, _ text: String) {
    entries.append((label, key, .text(text)))
  }

  /// Adds a number.
  mutating func add(_ label: String, _ key: String, _ number: UInt64) {
    entries.append((label, key, .number(number)))
  }

  /// Adds an encoded JSON value.
  mutating func add(_ label: String, _ key: String, json: [UInt8]) {
    entries.append((label, key, .json(json)))
  }

  /// Prints the values.
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
    // In the worst case each byte of a text becomes an escape of six bytes.
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

// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// A JSON value as a tree, with its place in the text.
struct PlacedValue {
  /// A member of an object.
  struct Member {
    let name: String
    let value: PlacedValue
  }

  enum Content {
    case object([Member])
    case array([PlacedValue])
    case text(String)
    case integer(Int64)
    case double(Double)
    case boolean(Bool)
    case null
  }

  let content: Content
  /// The bytes of the value in the text.
  let range: Range<Int>
}

/// Makes the tree; a text that is not JSON throws with the member in which it breaks off.
struct PlacedValueParser: ~Escapable {
  private enum Step {
    case member(String)
    case element(Int)
  }

  private var reader: JSONReader
  /// The offset of the reader's text in the file.
  private let base: Int
  private let count: Int
  private var values = 0
  private var path: [Step] = []

  @_lifetime(copy text)
  private init(_ text: Span<UInt8>, base: Int) {
    // Its limit of 32 levels limits the recursion here as well.
    reader = JSONReader(text)
    self.base = base
    count = text.count
  }

  /// The whole text as one value, without a byte order mark at its start (RFC 8259 Section 8.1).
  static func parse(_ bytes: [UInt8]) throws(GatewayProblem) -> PlacedValue {
    let base = bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
    let text = bytes.span.extracting(base..<bytes.count)
    var parser = PlacedValueParser(text, base: base)
    let value = try parser.value(try parser.next())
    // The value must end the text.
    do throws(JSONError) {
      _ = try parser.reader.nextToken()
    } catch {
      throw parser.problem(error)
    }
    return value
  }

  private mutating func value(_ token: PayloadToken) throws(GatewayProblem) -> PlacedValue {
    let start = base + reader.tokenOffset
    values += 1
    guard values <= GatewayConfiguration.maxValues else {
      throw GatewayProblem(.tooManyValues, at: place(start))
    }
    let content: PlacedValue.Content
    switch token {
    case .beginObject: content = .object(try members())
    case .beginArray: content = .array(try elements())
    case .text(let text): content = .text(reader.decoded(text))
    case .integer(let number): content = .integer(number)
    case .unsigned(let number): content = .double(Double(number))
    case .double(let number): content = .double(number)
    case .boolean(let value): content = .boolean(value)
    case .null: content = .null
    case .endObject, .endArray, .key, .bytes:
      preconditionFailure("the reader gives a value where the grammar has one")
    }
    return PlacedValue(content: content, range: start..<base + reader.position)
  }

  private mutating func members() throws(GatewayProblem) -> [PlacedValue.Member] {
    var members: [PlacedValue.Member] = []
    var names: Set<String> = []
    while case .key(let key) = try next() {
      let name = reader.decoded(key)
      path.append(.member(name))
      guard names.insert(name).inserted else {
        throw GatewayProblem(.repeatedName(name), at: place(base + reader.tokenOffset))
      }
      members.append(.init(name: name, value: try value(try next())))
      path.removeLast()
    }
    return members
  }

  private mutating func elements() throws(GatewayProblem) -> [PlacedValue] {
    var elements: [PlacedValue] = []
    while true {
      path.append(.element(elements.count))
      let token = try next()
      if token == .endArray { break }
      elements.append(try value(token))
      path.removeLast()
    }
    path.removeLast()
    return elements
  }

  private mutating func next() throws(GatewayProblem) -> PayloadToken {
    let token: PayloadToken?
    do throws(JSONError) {
      token = try reader.nextToken()
    } catch {
      throw problem(error)
    }
    guard let token else { preconditionFailure("the text ends with its first value") }
    return token
  }

  private func problem(_ error: JSONError) -> GatewayProblem {
    let offset =
      switch error {
      case .truncated: count
      case .unexpectedByte(let offset), .tooDeep(let offset), .invalidUTF8(let offset),
        .loneSurrogate(let offset), .numberTooLarge(let offset):
        offset
      }
    return GatewayProblem(.syntax(error), at: place(base + offset))
  }

  private func place(_ offset: Int) -> GatewayPlace {
    var text = ""
    for step in path {
      switch step {
      case .member(let name): text += text.isEmpty ? name : ".\(name)"
      case .element(let index): text += "[\(index)]"
      }
    }
    return GatewayPlace(path: text, offset: offset)
  }
}

extension JSONReader {
  /// The text, escapes resolved.
  fileprivate func decoded(_ text: PayloadText) -> String {
    var buffer = [UInt8](repeating: 0, count: byteCount(of: text))
    do throws(CapacityError) {
      var writer = ByteWriter(buffer.mutableSpan)
      try copy(text, into: &writer)
    } catch {
      preconditionFailure("the buffer has as many bytes as the text")
    }
    return String(decoding: buffer, as: UTF8.self)
  }
}

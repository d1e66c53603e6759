// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding

/// CBORReader: every token lies within the item, levels balance, and an error stays; a repeated key is found
/// where a set of names finds one; what was read is written and reads back as the same; the diagnostic
/// notation takes what the reader takes.
public func fuzzCBOR(_ bytes: Span<UInt8>) {
  var content: [CBORContent]?
  do throws(CBORError) {
    content = try read(bytes)
  } catch {
    checkRefusal(bytes, error)
  }
  checkRepeatedKey(bytes, content)
  checkNotation(bytes, isRead: content != nil)
  guard let content, !content.contains(where: \.isBytes) else { return }
  let plain = write(content, isDeterministic: false)
  let ordered = write(content, isDeterministic: true)
  precondition(again(plain) == content, "what was written reads back differently")
  precondition(plain.count == ordered.count, "an order of members has another size")
  let sorted = again(ordered)
  precondition(sorted.count == content.count, "an order of members has other tokens")
  precondition(write(sorted, isDeterministic: true) == ordered, "what is in order is put in order")
  checkNotation(plain.span, isRead: true)
}

/// A token with what it stands for in place of where it lies.
private enum CBORContent: Equatable {
  case token(PayloadToken)
  case key([UInt8])
  case text([UInt8])

  var isBytes: Bool {
    if case .token(.bytes) = self { true } else { false }
  }
}

private func read(_ bytes: Span<UInt8>) throws(CBORError) -> [CBORContent] {
  var reader = CBORReader(bytes)
  var result: [CBORContent] = []
  var depth = 0
  var offset = 0
  while let token = try reader.nextToken() {
    precondition(reader.tokenOffset >= offset, "a token lies before the one before it")
    offset = reader.tokenOffset
    precondition(offset <= bytes.count, "a token lies behind the end")
    switch token {
    case .beginObject, .beginArray:
      depth += 1
      result.append(.token(token))
    case .endObject, .endArray:
      depth -= 1
      result.append(.token(token))
    case .key(let text): result.append(.key(copy(text, in: reader, bytes)))
    case .text(let text): result.append(.text(copy(text, in: reader, bytes)))
    case .bytes(let range):
      precondition(range.lowerBound > 0 && range.upperBound <= bytes.count, "a range outside")
      result.append(.token(token))
    case .double(let value): result.append(.token(value.isFinite ? token : .null))
    default: result.append(.token(token))
    }
    precondition(depth >= 0 && depth <= CBORReader.maxDepth, "levels out of balance")
    precondition(result.count <= 2 * bytes.count, "more tokens than bytes")
  }
  precondition(depth == 0, "the item is complete, but a level is open")
  return result
}

private func copy(
  _ text: PayloadText,
  in reader: borrowing CBORReader,
  _ bytes: Span<UInt8>
) -> [UInt8] {
  precondition(
    text.range.lowerBound > 0 && text.range.upperBound <= bytes.count,
    "a range outside the item"
  )
  let count = reader.byteCount(of: text)
  precondition(count <= text.range.count, "a text is longer than it is written")
  precondition(reader.isSame(text, as: text), "a text is not itself")
  var buffer = [UInt8](repeating: 0xA5, count: count)
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CapacityError) {
    try reader.copy(text, into: &writer)
  } catch {
    preconditionFailure("a text has more bytes than it says")
  }
  precondition(writer.count == count, "a text has fewer bytes than it says")
  return buffer
}

/// An error comes again.
private func checkRefusal(_ bytes: Span<UInt8>, _ expected: CBORError) {
  var reader = CBORReader(bytes)
  while let token = try? reader.nextToken() { _ = token }
  do throws(CBORError) {
    _ = try reader.nextToken()
    preconditionFailure("the reader went on after an error")
  } catch {
    precondition(error == expected, "the error has changed")
  }
}

/// `content` is `nil` where the item cannot be read.
private func checkRepeatedKey(_ bytes: Span<UInt8>, _ content: [CBORContent]?) {
  let reader = CBORReader(bytes)
  let found: RepeatedKey?
  do throws(CBORError) {
    found = try reader.repeatedKey()
  } catch {
    precondition(content == nil, "a repeated key is looked for where nothing can be read")
    return
  }
  guard let content else { preconditionFailure("a key was found in what cannot be read") }
  if let found {
    precondition(reader.isSame(found.first, as: found.second), "a repeated key is another")
    precondition(found.first.range.upperBound < found.second.range.lowerBound, "out of order")
  }
  var names: [Set<[UInt8]>] = []
  var isRepeated = false
  for item in content {
    switch item {
    case .token(.beginObject), .token(.beginArray): names.append([])
    case .token(.endObject), .token(.endArray): names.removeLast()
    case .key(let name):
      if !names[names.count - 1].insert(name).inserted { isRepeated = true }
    default: break
    }
  }
  precondition(isRepeated == (found != nil), "a set of names finds otherwise")
}

private func checkNotation(_ bytes: Span<UInt8>, isRead: Bool) {
  var buffer = [UInt8](repeating: 0, count: CBORDiagnosticNotation.maxCount(for: bytes.count))
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CBORError) {
    try CBORDiagnosticNotation.write(bytes, into: &writer)
  } catch {
    precondition(error != .capacity, "the stated room does not suffice")
    // Tags are levels of the notation.
    if case .tooDeep = error { return }
    precondition(!isRead, "the reader takes what the notation refuses")
    return
  }
  guard !isRead else { return }
  do throws(CBORError) {
    _ = try read(bytes)
  } catch {
    switch error {
    case .outOfModel, .keyIsNoText, .tooDeep: return
    default: preconditionFailure("the notation takes what the reader refuses: \(error)")
    }
  }
}

/// What was read of what was written.
private func again(_ bytes: [UInt8]) -> [CBORContent] {
  do throws(CBORError) {
    return try read(bytes.span)
  } catch {
    preconditionFailure("what was written cannot be read: \(error)")
  }
}

private func write(_ content: [CBORContent], isDeterministic: Bool) -> [UInt8] {
  var room = 16
  for item in content {
    switch item {
    case .key(let bytes), .text(let bytes): room += bytes.count + 9
    case .token: room += 9
    }
  }
  var buffer = [UInt8](repeating: 0xA5, count: room)
  var writer = CBORWriter(buffer.mutableSpan, isDeterministic: isDeterministic)
  do throws(CapacityError) {
    for item in content { try write(item, into: &writer) }
  } catch {
    preconditionFailure("what was read cannot be written")
  }
  let count = writer.count
  return Array(buffer[..<count])
}

private func write(_ item: CBORContent, into writer: inout CBORWriter) throws(CapacityError) {
  switch item {
  case .key(let bytes): try writer.key(bytes.span)
  case .text(let bytes): try writer.string(bytes.span)
  case .token(.beginObject): try writer.beginObject()
  case .token(.endObject): try writer.endObject()
  case .token(.beginArray): try writer.beginArray()
  case .token(.endArray): try writer.endArray()
  case .token(.integer(let value)): try writer.integer(value)
  case .token(.unsigned(let value)): try writer.unsigned(value)
  case .token(.double(let value)): try writer.double(value)
  case .token(.boolean(let value)): try writer.boolean(value)
  case .token(.null): try writer.null()
  case .token: preconditionFailure("byte strings are not written, and texts are not tokens here")
  }
}

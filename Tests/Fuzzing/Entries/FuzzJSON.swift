// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

/// JSONReader: every token lies within the text, strings come out no longer than they were, levels
/// balance, and an error stays; a repeated key is found where a set of names finds one.
public func fuzzJSON(_ bytes: Span<UInt8>) {
  var reader = JSONReader(bytes)
  var buffer = [UInt8](repeating: 0, count: bytes.count)
  var tokens = 0
  var depth = 0
  do throws(JSONError) {
    while let token = try reader.next() {
      tokens += 1
      precondition(tokens <= bytes.count, "more tokens than bytes")
      switch token {
      case .beginObject, .beginArray: depth += 1
      case .endObject, .endArray: depth -= 1
      case .key(let range), .string(let range):
        check(range, in: bytes)
        _ = reader.string(range, equals: "token")
        _ = reader.unsigned(range)
        var writer = ByteWriter(buffer.mutableSpan)
        do throws(CapacityError) {
          try reader.copyString(range, into: &writer)
        } catch {
          preconditionFailure("a string is longer than it is written")
        }
        precondition(writer.count <= range.count)
      case .number(let range):
        check(range, in: bytes)
        _ = reader.unsigned(range)
      case .boolean, .null: break
      }
      precondition(depth >= 0 && depth <= JSONReader.maxDepth, "levels out of balance")
    }
    precondition(depth == 0, "the text is complete, but a level is open")
  } catch {
    do throws(JSONError) {
      _ = try reader.next()
      preconditionFailure("the reader went on after an error")
    } catch let second {
      precondition(second == error, "the error has changed")
    }
  }
  skipEach(bytes)
  checkRepeatedKey(bytes)
}

/// The shared call and the search for a repeated key fail together, or find what a set of names finds.
private func checkRepeatedKey(_ bytes: Span<UInt8>) {
  let reader = JSONReader(bytes)
  var found: RepeatedKey?
  var failure: JSONError?
  do throws(JSONError) { found = try reader.repeatedKey() } catch { failure = error }
  var names: [Set<[UInt8]>] = []
  var isRepeated = false
  var walker = reader
  do throws(JSONError) {
    while let token = try walker.nextToken() {
      switch token {
      case .beginObject, .beginArray: names.append([])
      case .endObject, .endArray: names.removeLast()
      case .key(let text):
        let name = copy(text, in: walker)
        if !names[names.count - 1].insert(name).inserted { isRepeated = true }
      default: break
      }
    }
  } catch {
    precondition(failure != nil, "a key was found in what cannot be read")
    return
  }
  precondition(failure == nil, "a repeated key is looked for where nothing can be read")
  precondition(isRepeated == (found != nil), "a set of names finds otherwise")
  if let found {
    precondition(reader.isSame(found.first, as: found.second), "a repeated key is another")
    precondition(copy(found.first, in: reader) == copy(found.second, in: reader), "unlike names")
  }
}

private func copy(_ text: PayloadText, in reader: borrowing JSONReader) -> [UInt8] {
  var buffer = [UInt8](repeating: 0xA5, count: reader.byteCount(of: text))
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CapacityError) {
    try reader.copy(text, into: &writer)
  } catch {
    preconditionFailure("a text has more bytes than it says")
  }
  precondition(writer.remaining == 0, "a text has fewer bytes than it says")
  return buffer
}

/// Reads past the first value whole, which must come to the same end.
private func skipEach(_ bytes: Span<UInt8>) {
  var reader = JSONReader(bytes)
  do throws(JSONError) {
    guard let first = try reader.next() else { return }
    try reader.skip(first)
    let second = try reader.next()
    precondition(second == nil, "something follows the only value")
  } catch {
    return
  }
}

private func check(_ range: Range<Int>, in bytes: Span<UInt8>) {
  precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "a range outside the text")
}

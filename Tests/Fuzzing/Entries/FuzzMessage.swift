// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore

/// MessageView and MessageWriter: what parses is written anew byte for byte, and every part of it can
/// be asked for; what does not parse says where.
public func fuzzMessage(_ bytes: Span<UInt8>) {
  do throws(MessageFormatError) {
    let view = try MessageView(bytes)
    visit(view)
    let again = encode(view)
    precondition(again.span.isEqual(to: bytes), "the writer's bytes are not the reader's")
    visit(try MessageView(again.span))
  } catch {
    precondition(error.offset >= 0 && error.offset <= bytes.count, "an offset outside the message")
    precondition(!error.description.isEmpty)
  }
}

/// Every part, through every accessor.
private func visit(_ view: MessageView) {
  var size = 4 + view.token.count
  var previous = 0
  var iterator = view.options
  while let option = iterator.next() {
    precondition(Int(option.number.rawValue) >= previous, "options out of order")
    previous = Int(option.number.rawValue)
    size += 1 + option.value.count
    _ = option.uintValue
    _ = option.number.description
    _ = option.number.definition
    if option.number == .block1 || option.number == .block2, let block = view.block(option.number) {
      precondition(block.offset >= 0)
    }
  }
  for index in 0..<view.token.count { _ = view.token[index] }
  size += view.payload.count
  precondition(size <= view.count, "the parts are longer than the message")
  _ = view.contentFormat?.description
  _ = view.unrecognizedCriticalOption
  _ = view.code.description
  var path = [UInt8](repeating: 0, count: 3 * view.count + 1)
  var writer = ByteWriter(path.mutableSpan)
  do throws(CapacityError) {
    try view.writePath(into: &writer)
  } catch {
    preconditionFailure("a path is longer than three times its message")
  }
}

private func encode(_ view: MessageView) -> [UInt8] {
  var buffer = [UInt8](repeating: 0xA5, count: view.count)
  do throws(MessageWriterError) {
    let count = try view.write(into: buffer.mutableSpan)
    return Array(buffer[..<count])
  } catch {
    preconditionFailure("what was read cannot be written: \(error)")
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CBORPayload
internal import ConstrainedCore
internal import Inspection
internal import PacketCapture
internal import PayloadCoding

/// What `nbiot inspect` does with a line or a packet: it prints, in both forms, what no terminal acts
/// on, for whatever bytes.
///
/// Byte 0 chooses the link type, byte 1 says how many bytes the capture cut off; the rest is message,
/// packet, CBOR and line at once.
public func fuzzInspect(_ bytes: Span<UInt8>) {
  guard bytes.count >= 2 else { return }
  let content = bytes.extracting(2...)
  checkMessage(content)
  checkCBOR(content)
  checkLines(content)
  let linkTypes = LinkType.supported + [LinkType(rawValue: 147)]
  let linkType = linkTypes[Int(bytes[0]) % linkTypes.count]
  checkPacket(content, linkType, cut: Int(bytes[1]))
  // The same bytes as the payload of a whole packet, so that DTLS is reached too.
  let udp: [UInt8] = [0x16, 0x34, 0x16, 0x34] + bytes16(content.count + 8) + [0, 0]
  var packet: [UInt8] = [0x45, 0] + bytes16(content.count + 28) + [0, 0, 0, 0, 64, 17, 0, 0]
  packet += [10, 0, 0, 1, 10, 0, 0, 2] + udp
  for index in content.indices { packet.append(content[index]) }
  checkPacket(packet.span, .raw, cut: 0)
}

private func bytes16(_ value: Int) -> [UInt8] {
  [UInt8(truncatingIfNeeded: value >> 8), UInt8(truncatingIfNeeded: value)]
}

private func checkMessage(_ bytes: Span<UInt8>) {
  var inspector = MessageInspector()
  check(text: inspector.text(bytes))
  let object = inspector.json(bytes)
  check(json: object)
  let digits = hex(bytes)
  if object.starts(with: Array(#"{"valid":true"#.utf8)) {
    let text = String(decoding: object, as: UTF8.self)
    precondition(
      text.contains("\"reencoded\":\"\(digits)\",\"path\":"),
      "a message was written anew differently"
    )
  }
  guard
    var opening = try? MessageInspector(
      secret: Array("secret".utf8).span,
      random: Array("ad2b3a5eb51d64f7".utf8).span
    ),
    var learning = try? MessageInspector(secret: Array("secret".utf8).span)
  else { preconditionFailure("the key of the worked values can be made") }
  check(text: opening.text(bytes))
  check(json: opening.json(bytes))
  // Whatever a message teaches, the ones behind it are shown.
  for _ in 0..<2 {
    check(text: learning.text(bytes))
    check(json: learning.json(bytes))
    check(text: learning.text(workedAnswer.span))
  }
}

/// ACK 2.05, message ID 4660, no token: the session of the worked values, with the token "MZ8m".
private let workedAnswer: [UInt8] =
  [0x60, 0x45, 0x12, 0x34, 0xFF]
  + Array(#"{"random":"ad2b3a5eb51d64f7","seqOffset":1,"token":"MZ8m"}"#.utf8)

private func checkCBOR(_ bytes: Span<UInt8>) {
  var buffer = [UInt8](
    repeating: 0,
    count: CBORDiagnosticNotation.maxCount(for: bytes.count)
  )
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CBORError) {
    try CBORDiagnosticNotation.write(bytes, into: &writer)
    let count = writer.count
    check(text: String(decoding: buffer[..<count], as: UTF8.self))
  } catch {
    precondition(error != .capacity, "the stated room does not suffice")
    precondition(writer.count == 0, "a call that throws has written")
  }
}

private func checkLines(_ bytes: Span<UInt8>) {
  var lines = HexLines()
  var number = 0
  for index in bytes.indices {
    guard let line = lines.take(bytes[index]) else { continue }
    precondition(line.number > number, "lines out of order")
    number = line.number
    precondition(2 * line.bytes.count <= bytes.count, "more bytes than digits")
    check(text: line.error?.description ?? "")
  }
  check(text: lines.finish()?.error?.description ?? "")
}

private func checkPacket(_ bytes: Span<UInt8>, _ linkType: LinkType, cut: Int) {
  let packet = PacketView(bytes, originalCount: bytes.count + cut, microseconds: Int64(cut))
  var text = PacketInspector(MessageInspector(), linkType: linkType)
  var json = PacketInspector(MessageInspector(), linkType: linkType)
  let shown = text.text(packet)
  let object = json.json(packet)
  precondition((shown == nil) == (object == nil), "a packet is shown in one form only")
  precondition(text.counts == json.counts, "the forms count differently")
  if let shown { check(text: shown) }
  if let object { check(json: object) }
}

/// Nothing that a terminal acts on: no C0 but the line feed, no DEL, no C1, nothing that turns around
/// the direction of reading.
private func check(text: String) {
  for scalar in text.unicodeScalars {
    switch scalar.value {
    case 0x0A, 0x20...0x7E: continue
    case 0...0x1F, 0x7F...0x9F, 0x200B...0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF:
      preconditionFailure("U+\(String(scalar.value, radix: 16)) would reach the terminal")
    default: continue
    }
  }
}

/// One JSON text on one line.
private func check(json: [UInt8]) {
  precondition(!json.contains(0x0A), "an object on two lines")
  var reader = JSONReader(json.span)
  do throws(JSONError) {
    while try reader.next() != nil {}
  } catch {
    preconditionFailure("an object is not JSON: \(error)")
  }
}

private func hex(_ bytes: Span<UInt8>) -> String {
  var digits: [UInt8] = []
  for index in bytes.indices {
    for value in [bytes[index] >> 4, bytes[index] & 0x0F] {
      digits.append(value < 10 ? 0x30 + value : 0x57 + value)
    }
  }
  return String(decoding: digits, as: UTF8.self)
}

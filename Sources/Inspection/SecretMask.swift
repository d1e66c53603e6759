// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage

/// Masks the parts of a message that must not be passed on: anyone with a token, a signature or a
/// secret can use it.
///
/// Lengths do not change. In JSON, CBOR and forms it masks the values of `names`, and of a `url`
/// the query, which authorises a download at a file server.
enum SecretMask {
  /// The names of members with secret values (device guide 3.2, 3.6, 6.2 and 6.4).
  private static let names: Set<String> = [
    "token", "sign", "devicesecret", "productsecret", "secret", "password",
  ]

  private static let mark = UInt8(ascii: "*")

  /// The message with all such values masked; unchanged if it cannot be reencoded.
  static func masked(_ view: MessageView) -> [UInt8] {
    // Extended forms that are longer than necessary become shorter.
    var buffer = [UInt8](repeating: 0, count: view.count + 8)
    do throws(MessageWriterError) {
      let payload = masked(payload: view.payload, isLaterBlock: isLaterBlock(view))
      let count = try view.write(into: buffer.mutableSpan, payload: payload.span) {
        (option: OptionView, writer: inout MessageWriter) throws(MessageWriterError) in
        switch option.number {
        case .platformToken, .legacyPlatformToken:
          try writer.option(option.number, masked(token: option.value).span)
        default: try writer.option(option.number, option.value)
        }
      }
      return Array(buffer[..<count])
    } catch {
      return []
    }
  }

  /// Masks a token except for a part that distinguishes it from others.
  private static func masked(token: Span<UInt8>) -> [UInt8] {
    let shown = token.count >= 16 ? 4 : 0
    return token.indices.map { $0 < shown ? token[$0] : mark }
  }

  /// Masks a plaintext payload.
  static func masked(payload: Span<UInt8>, isLaterBlock: Bool = false) -> [UInt8] {
    var bytes = payload.indices.map { payload[$0] }
    // The block may begin inside a value whose name was in the previous block.
    if isLaterBlock {
      for index in bytes.indices { bytes[index] = mark }
    } else if let first = bytes.first(where: { $0 > 0x20 }) {
      switch first {
      case UInt8(ascii: "{"), UInt8(ascii: "["): maskJSON(&bytes)
      case 0x80...: maskCBOR(&bytes)
      default: maskForm(&bytes)
      }
    }
    return bytes
  }

  /// Whether the payload is a part of a longer body other than its first block (RFC 7959 Section
  /// 2.2).
  private static func isLaterBlock(_ view: MessageView) -> Bool {
    let number: OptionNumber = view.code.isRequest ? .block1 : .block2
    guard let value = view.first(number)?.uintValue else { return false }
    return value >> 4 != 0
  }

  private static func isSecret(_ name: ArraySlice<UInt8>) -> Bool {
    names.contains(String(decoding: name, as: UTF8.self).lowercased())
  }

  private static func isAddress(_ name: ArraySlice<UInt8>) -> Bool {
    String(decoding: name, as: UTF8.self).lowercased() == "url"
  }

  /// Masks a value of `name` in `range`; an incomplete value is masked to the end.
  private static func mask(
    _ range: Range<Int>,
    of name: ArraySlice<UInt8>,
    in bytes: inout [UInt8]
  ) {
    var start = range.lowerBound
    if !isSecret(name) {
      guard isAddress(name),
        let query = bytes[range].firstIndex(of: UInt8(ascii: "?"))
      else { return }
      start = query + 1
    }
    for index in start..<range.upperBound { bytes[index] = mark }
  }

  // MARK: The three forms; malformed input is masked as far as it can be read

  /// Scans the strings in order: a string after a colon is the value of the previous one.
  private static func maskJSON(_ bytes: inout [UInt8]) {
    var index = 0
    var name: Range<Int>?
    var isValue = false
    while index < bytes.count {
      switch bytes[index] {
      case UInt8(ascii: "\""):
        let start = index + 1
        var end = start
        while end < bytes.count, bytes[end] != UInt8(ascii: "\"") {
          end += bytes[end] == UInt8(ascii: "\\") ? 2 : 1
        }
        end = min(end, bytes.count)
        if isValue, let name { mask(start..<end, of: bytes[name], in: &bytes) }
        name = isValue ? nil : start..<end
        isValue = false
        index = end
      case UInt8(ascii: ":"): isValue = name != nil
      case 0x09, 0x0A, 0x0D, 0x20: break
      case UInt8(ascii: ","), UInt8(ascii: "{"), UInt8(ascii: "}"), UInt8(ascii: "["),
        UInt8(ascii: "]"):
        name = nil
        isValue = false
      default:
        // Under such a name a number is secret as well.
        if isValue, let name { mask(index..<index + 1, of: bytes[name], in: &bytes) }
      }
      index += 1
    }
  }

  /// Scans for text strings with such names, each followed by a string (RFC 8949 Section 3).
  private static func maskCBOR(_ bytes: inout [UInt8]) {
    var index = 0
    while index < bytes.count {
      guard let name = string(at: index, in: bytes), bytes[index] >> 5 == 3,
        isSecret(bytes[name]) || isAddress(bytes[name])
      else {
        index += 1
        continue
      }
      index = name.upperBound
      if index < bytes.count, bytes[index] == 0x5F || bytes[index] == 0x7F {
        // A string in chunks, ended by a break.
        index += 1
        while let piece = string(at: index, in: bytes) {
          mask(piece, of: bytes[name], in: &bytes)
          index = piece.upperBound
        }
      } else if let value = string(at: index, in: bytes) {
        mask(value, of: bytes[name], in: &bytes)
        index = value.upperBound
      }
    }
  }

  /// The content of a definite-length string, as far as it is present.
  private static func string(at index: Int, in bytes: [UInt8]) -> Range<Int>? {
    guard index < bytes.count, bytes[index] >> 5 == 2 || bytes[index] >> 5 == 3 else { return nil }
    let short = Int(bytes[index] & 0x1F)
    var start = index + 1
    var length = short
    if short >= 24 {
      guard short <= 26 else { return nil }
      let count = 1 << (short - 24)
      guard start + count <= bytes.count else { return nil }
      length = bytes[start..<start + count].reduce(0) { $0 << 8 | Int($1) }
      start += count
    }
    return start..<min(start + length, bytes.count)
  }

  /// `name=value&…`, as in a registration over HTTPS.
  private static func maskForm(_ bytes: inout [UInt8]) {
    var start = 0
    for field in bytes.split(separator: UInt8(ascii: "&"), omittingEmptySubsequences: false) {
      let end = start + field.count
      if let equals = field.firstIndex(of: UInt8(ascii: "=")) {
        mask(equals + 1..<end, of: field[..<equals], in: &bytes)
      }
      start = end + 1
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import PayloadCoding
internal import PayloadValues

/// The printed form of the platform's reply.
struct ReplyLines {
  private var lines = ResultLines()

  init(_ answer: AlinkAnswer) {
    if let code = answer.code {
      lines.add("code", "code", code.rawValue)
      if !code.isSuccess { lines.add("meaning", "meaning", code.meaning) }
    }
    if !answer.message.isEmpty { lines.add("message", "message", answer.message) }
    if !answer.data.isEmpty { lines.add("data", "data", json: Self.json(answer)) }
    let result = answer.receipt.result
    lines.add("bytes up", "bytesUp", UInt64(result.bytesUp))
    lines.add("bytes down", "bytesDown", UInt64(result.bytesDown))
    lines.add("milliseconds", "milliseconds", UInt64(clamping: result.duration.count))
  }

  func print(_ output: OutputArgument) { lines.print(output) }

  /// The data as JSON on one line.
  ///
  /// JSON is unchanged except for white space, so that no digit or escape is lost; CBOR is
  /// converted token by token. Data without a JSON form is shown unchanged.
  private static func json(_ answer: AlinkAnswer) -> [UInt8] {
    if answer.format != .cbor {
      let text = withoutSpace(answer.data)
      // Characters that control a terminal can be only in strings, where the escape has the same
      // meaning.
      return Array((ReadableText.plain(text.span, keepsLines: false) ?? "null").utf8)
    }
    return PayloadConversion.json(fromCBOR: answer.data)
      .flatMap { ReadableText.plain($0.span, keepsLines: false) }.map { Array($0.utf8) }
      ?? PayloadValue.text(ReadableText.unlabelled(answer.data)).encoded(.json)
  }

  /// A JSON text without the white space between its tokens.
  static func withoutSpace(_ json: [UInt8]) -> [UInt8] {
    var result: [UInt8] = []
    var isInString = false
    var isEscaped = false
    for byte in json {
      if isInString {
        if !isEscaped, byte == UInt8(ascii: "\"") { isInString = false }
        isEscaped = !isEscaped && byte == UInt8(ascii: "\\")
      } else if byte <= 0x20 {
        continue
      } else if byte == UInt8(ascii: "\"") {
        isInString = true
      }
      result.append(byte)
    }
    return result
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import PayloadCoding
internal import PayloadValues
internal import PlatformCore

/// The options of a request, each checked against RFC 7252 Section 5.4 and the device guide's 3.6.
struct RequestOptions {
  private(set) var segments: [String] = []
  private(set) var contentFormat: UInt64?
  private(set) var accept: UInt64?
  private(set) var token: [UInt8]?
  /// The token in the option that other devices use for it: 61, or 2088.
  private(set) var otherToken: [UInt8]?
  private(set) var sequence: [UInt8]?
  private(set) var block: BlockOption?

  /// The token option of devices that do not use `option`: 2088 in the guide, 61 in the C SDKs 3.0
  /// to 3.2.
  private static func otherTokenOption(than option: UInt16) -> UInt16 {
    option == 61 ? 2_088 : 61
  }

  /// `takesQuery`: whether token and seq may be in the query; the options take precedence.
  init(
    _ message: borrowing MessageView,
    tokenOption: UInt16,
    takesQuery: Bool
  ) throws(CoAPRefusal) {
    var seen: Set<UInt16> = []
    var query = QueryPart()
    var iterator = message.options
    while let option = iterator.next() {
      let number = option.number
      let value = option.value.indices.map { option.value[$0] }
      guard try Self.hasLength(value.count, number) else { continue }
      let isRepeated = !seen.insert(number.rawValue).inserted
      switch number {
      case .uriPath:
        guard let segment = String(validating: value, as: UTF8.self) else {
          throw .option("a Uri-Path is not UTF-8")
        }
        // RFC 7252 Section 5.10: neither "." nor ".."; no topic has an empty segment.
        guard !segment.isEmpty, segment != ".", segment != ".." else {
          throw .option("a Uri-Path is empty or a dot segment")
        }
        segments.append(segment)
      case .uriQuery where takesQuery: try query.add(value)
      case _ where isRepeated:
        // RFC 7252 Section 5.4.5: a supernumerary option is treated like an unrecognised one.
        guard !number.isCritical else {
          throw .option("option \(number.rawValue) comes twice")
        }
      case .contentFormat: contentFormat = option.uintValue
      case .accept: accept = option.uintValue
      case .block2:
        // RFC 7959 Section 2.2: the reserved SZX 7 gets 4.00; M has no meaning in a request.
        guard let number = option.uintValue,
          let block = BlockOption(value: UInt32(truncatingIfNeeded: number))
        else { throw CoAPRefusal(code: .badRequest, note: "Block2 has the reserved size 7") }
        self.block = block
      case .uriHost, .uriPort: break
      case .proxyURI, .proxyScheme:
        // RFC 7252 Section 5.10.2: the option is known, but proxying is refused.
        throw CoAPRefusal(code: .proxyingNotSupported, note: "the platform is no proxy")
      case .platformSequence: sequence = value
      case _ where number.rawValue == tokenOption: token = value
      case _ where number.rawValue == Self.otherTokenOption(than: tokenOption): otherToken = value
      case _ where number.isCritical:
        throw .option("unknown critical option \(number.rawValue)")
      default: break
      }
    }
    token = token ?? query.token
    sequence = sequence ?? query.sequence
  }

  /// Whether a value has a length allowed for its option.
  ///
  /// An option of a wrong length is treated as unrecognised: refused if critical, otherwise ignored
  /// (RFC 7252 Sections 5.4.3 and 5.4.1).
  private static func hasLength(_ count: Int, _ number: OptionNumber) throws(CoAPRefusal) -> Bool {
    guard let definition = number.definition,
      !(definition.minLength...definition.maxLength).contains(count)
    else { return true }
    guard !number.isCritical else {
      throw .option("option \(number.rawValue), \(number.name ?? ""), has \(count) bytes")
    }
    return false
  }

  /// The path for the log, readable even if the options are refused.
  static func path(of message: borrowing MessageView) -> String {
    var path = ""
    var iterator = message.options
    while let option = iterator.next() {
      guard option.number == .uriPath else { continue }
      let segment = ReadableText.unlabelled(option.value.indices.map { option.value[$0] })
      // RFC 7252 Section 6.5: a slash inside a segment does not separate segments.
      path += "/" + segment.replacing("%", with: "%25").replacing("/", with: "%2F")
    }
    return path
  }

  /// Takes the token from the other option if that leniency is granted; otherwise refuses the
  /// request if that option is critical.
  mutating func settleToken(
    tokenOption: UInt16,
    _ leniencies: inout LeniencyUse
  ) throws(CoAPRefusal) {
    guard let otherToken else { return }
    if Self.otherTokenOption(than: tokenOption) == 2_088 {
      // The option is elective, and ignored in a request that already has its token.
      guard token == nil else { return }
      try leniencies.need(.otherTokenOption, "the token is in option 2088, not 61") {
        CoAPRefusal(code: .badRequest, note: $0, namesSetting: true)
      }
    } else {
      guard token == nil || token == otherToken else {
        throw .option("options \(tokenOption) and 61 hold two tokens")
      }
      let note = "the token is in option 61, " + (token == nil ? "not \(tokenOption)" : "too")
      try leniencies.need(.otherTokenOption, note) { CoAPRefusal.option($0, namesSetting: true) }
    }
    token = otherToken
  }

  /// Checks the options common to both requests.
  func check(
    _ message: borrowing MessageView,
    needsContentFormat: Bool,
    _ leniencies: inout LeniencyUse
  ) throws(CoAPRefusal) {
    guard message.code == .post else {
      throw CoAPRefusal(code: .methodNotAllowed, note: "only POST is allowed")
    }
    let formats: Set<UInt64> = [50, 60]
    if accept == 42 {
      try leniencies.need(.acceptOctetStream, "Accept is 42, neither 50 nor 60") {
        CoAPRefusal(code: .notAcceptable, note: $0, namesSetting: true)
      }
    } else if let accept, !formats.contains(accept) {
      throw CoAPRefusal(code: .notAcceptable, note: "Accept is neither 50 nor 60")
    }
    // According to the guide, the platform checks Content-Format at /auth, but not on a report.
    if needsContentFormat, contentFormat == nil {
      try leniencies.need(.missingContentFormat, "Content-Format is missing") {
        CoAPRefusal(code: .unsupportedContentFormat, note: $0, namesSetting: true)
      }
    } else if needsContentFormat, let contentFormat, !formats.contains(contentFormat) {
      throw CoAPRefusal(
        code: .unsupportedContentFormat,
        note: "Content-Format is neither 50 nor 60"
      )
    }
    if needsContentFormat, block != nil { throw .option("the answer has no blocks") }
  }

  /// The format of the payload: JSON unless the Content-Format says otherwise.
  ///
  /// An opaque payload may also be labelled application/octet-stream, and is then treated as JSON;
  /// so is any other format if the option is not checked.
  func payloadFormat(
    isOpaque: Bool,
    isChecked: Bool = true
  ) throws(CoAPRefusal) -> PayloadValue.Format {
    switch contentFormat {
    case nil, 50: return .json
    case 60: return .cbor
    case 42 where isOpaque: return .json
    case _ where !isChecked: return .json
    default:
      throw CoAPRefusal(
        code: .unsupportedContentFormat,
        note: "Content-Format is neither 50 nor 60" + (isOpaque ? " nor 42" : "")
      )
    }
  }

  /// The format of the answer: that of Accept, or else of the request.
  func answerFormat(_ request: PayloadValue.Format) -> PayloadValue.Format {
    accept.flatMap { PayloadValue.Format(rawValue: UInt16(truncatingIfNeeded: $0)) } ?? request
  }

  /// The length of the topic in bytes as the guide counts it, with a slash before each segment.
  var topicLength: Int { segments.dropFirst().reduce(0) { $0 + 1 + $1.utf8.count } }
}

/// The parts of the query.
///
/// Unverified (`query-token` of `Assumption`): `token=TEXT&seq=DIGITS`, each in a Uri-Query of its
/// own, as on the platform's newer pages (protocol facts 2.1); that the digits are the encrypted
/// number in hexadecimal.
private struct QueryPart {
  private(set) var token: [UInt8]?
  private(set) var sequence: [UInt8]?

  mutating func add(_ value: [UInt8]) throws(CoAPRefusal) {
    let (tokenName, sequenceName) = (Array("token=".utf8), Array("seq=".utf8))
    if token == nil, value.starts(with: tokenName) {
      token = Array(value.dropFirst(tokenName.count))
    } else if sequence == nil, value.starts(with: sequenceName),
      let bytes = Self.bytes(ofDigits: value.dropFirst(sequenceName.count))
    {
      sequence = bytes
    } else {
      throw CoAPRefusal(
        code: .badRequest,
        note: "the query has another part than one token and one seq in hexadecimal digits"
      )
    }
  }

  private static func bytes(ofDigits digits: ArraySlice<UInt8>) -> [UInt8]? {
    guard digits.count.isMultiple(of: 2) else { return nil }
    var bytes: [UInt8] = []
    var rest = digits
    while let high = rest.popFirst(), let low = rest.popFirst() {
      guard let first = Character(Unicode.Scalar(high)).hexDigitValue,
        let second = Character(Unicode.Scalar(low)).hexDigitValue
      else { return nil }
      bytes.append(UInt8(first << 4 | second))
    }
    return bytes
  }
}

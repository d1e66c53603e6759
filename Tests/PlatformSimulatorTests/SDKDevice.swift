// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// The message formats of one of the platform's own SDKs (protocol facts 2.1 and 2.3).
struct SDK: Sendable, CustomTestStringConvertible {
  let testDescription: String
  /// Options 12 and 17 of `/auth`.
  var authentication: [UInt16: UInt8] = [12: 50, 17: 50]
  /// The member `seq` as written in the JSON, and as signed.
  var sequence = (json: #""9122""#, signed: "9122")
  /// The member `signmethod`.
  var method: String?
  /// Options 12 and 17 of a report.
  var report: [UInt16: UInt8] = [12: 50, 17: 42]
  var tokenOption: UInt16 = 2_088
  /// The number of the first report above seqOffset.
  var firstSequence: UInt64 = 0
  /// The leniencies that `/auth` and a report need.
  var leniencies: (authentication: Set<Leniency>, report: Set<Leniency>)

  /// Whether a strict platform refuses its first request.
  var isRefusedAtOnce: Bool { !leniencies.authentication.isEmpty }

  static let all = [v2, v3, v4, java]

  static let v2 = SDK(
    testDescription: "C SDK 2.3.0",
    leniencies: ([], [.acceptOctetStream, .offsetAsSequence])
  )

  static let v3 = SDK(
    testDescription: "C SDK 3.0.1",
    tokenOption: 61,
    leniencies: ([], [.acceptOctetStream, .otherTokenOption, .offsetAsSequence])
  )

  static let v4 = SDK(
    testDescription: "C SDK 4",
    authentication: [:],
    sequence: (#""3FA0""#, "3FA0"),
    method: "hmacsha256",
    report: [:],
    leniencies: ([.missingContentFormat, .hexadecimalSequence], [.offsetAsSequence])
  )

  static let java = SDK(
    testDescription: "Java sample",
    sequence: ("16", "16"),
    report: [12: 50, 17: 50],
    firstSequence: 1_804_289_383,
    leniencies: ([.number], [])
  )

  /// The payload of `/auth`; over DTLS it has no `seq`.
  func authenticationJSON(
    isSecure: Bool = false,
    secret: [UInt8] = Bench.secret
  ) throws -> String {
    let hash = method == "hmacsha256" ? Hash.sha256 : .md5
    let content =
      "clientIdpk.devicedeviceNamedeviceproductKeypk" + (isSecure ? "" : "seq\(sequence.signed)")
    let mac = try hash.hmac(key: secret.span, content: Array(content.utf8).span)
    var json = #"{"productKey":"pk","deviceName":"device","clientId":"pk.device""#
    if let method { json += #","signmethod":"\#(method)""# }
    json += #","sign":"\#(hexText(mac.bytes))""#
    return json + (isSecure ? "}" : #","seq":\#(sequence.json)}"#)
  }

  static func options(_ numbers: [UInt16: UInt8]) -> [(UInt16, [UInt8])] {
    numbers.sorted { $0.key < $1.key }.map { ($0.key, [$0.value]) }
  }
}

/// A device with one of the SDKs, in symmetric mode.
struct SDKBench {
  let sdk: SDK
  var bench: Bench
  private var session: Session?
  private var offset: UInt64 = 0
  private var next: UInt64 = 0

  init(
    _ sdk: SDK,
    leniencies: Set<Leniency>,
    _ configure: (inout SimulatorConfiguration) -> Void = { _ in }
  ) {
    self.sdk = sdk
    bench = Bench {
      $0.leniencies = leniencies
      $0.settingNames.leniencies = "--tolerant"
      configure(&$0)
    }
  }

  /// Sends `/auth`, and stores the result.
  mutating func authenticate() throws -> RequestRecord {
    let json = Array(try sdk.authenticationJSON().utf8)
    let record = try bench.send(["auth"], SDK.options(sdk.authentication), json)
    if record.code == .content {
      let answer = try #require(PayloadValue(try content, .json))
      let random = try #require(answer["random"]?.string)
      let token = try #require(answer["token"]?.string)
      session = try Session(token: token, random: random, secret: Bench.secret)
      offset = UInt64(try #require(answer["seqOffset"]?.integer))
      next = offset + sdk.firstSequence
    }
    return record
  }

  /// Sends a report to a topic, with the next number.
  mutating func report(
    _ topic: String,
    _ payload: String,
    type: MessageType = .confirmable
  ) throws -> RequestRecord {
    let (path, options, sealed) = try parts(topic, payload)
    return try bench.send(path, options, sealed, type: type)
  }

  /// The bytes of such a report.
  mutating func request(_ topic: String, _ payload: String) throws -> [UInt8] {
    let (path, options, sealed) = try parts(topic, payload)
    return try bench.request(path, options, sealed)
  }

  private mutating func parts(
    _ topic: String,
    _ payload: String
  ) throws -> ([String], [(UInt16, [UInt8])], [UInt8]) {
    let session = try #require(session)
    var options = SDK.options(sdk.report) + [(sdk.tokenOption, session.token)]
    options.append((2_089, try session.seal("\(next)")))
    next += 1
    let path = ["topic"] + topic.split(separator: "/").map(String.init)
    return (path, options, try session.seal(payload))
  }

  /// The payload of the last response as sent.
  var content: [UInt8] {
    get throws { try payload(of: try #require(bench.answers.last)) }
  }

  /// The same payload decrypted, as the SDKs do, if there is one.
  var opened: String {
    get throws {
      let content = try content
      guard !content.isEmpty else { return "" }
      return String(decoding: try #require(try session?.open(content)), as: UTF8.self)
    }
  }
}

extension Session {
  /// The session described in an answer to `/auth`.
  convenience init(token: String, random: String, secret: [UInt8]) throws {
    let material = secret + Array(",\(random)".utf8)
    let digest = try Hash.sha256.digest(of: material.span)
    let key = array(digest.bytes.extracting(8..<24))
    let vector = Array("543yhjy97ae7fyfg".utf8)
    self.init(
      token: Array(token.utf8),
      cipher: try AES128CBC(key: key.span, vector: vector.span)
    )
  }
}

/// The payload of a message, unchanged.
func payload(of message: [UInt8]) throws -> [UInt8] {
  let view = try MessageView(message.span)
  return array(view.payload)
}

/// Whether a message is confirmable, non-confirmable, an acknowledgement or a reset.
func type(of message: [UInt8]) throws -> MessageType {
  let view = try MessageView(message.span)
  return view.type
}

// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import PayloadValues
import PlatformCore
import PlatformWebServer
import TestSupport

/// A platform's side of HTTPS, and a device that knows the guide.
struct WebBench {
  static let secret = Array("0123456789abcdef".utf8)
  /// A moment of 2026, in milliseconds since 1970.
  static let date: UInt64 = 1_790_000_000_123

  let core: PlatformCore
  let front: WebFront
  var now = Instant(milliseconds: 1_000)

  init(
    _ configure: (inout PlatformConfiguration, inout WebSettings) -> Void = { _, _ in },
    _ assume: (inout PlatformAssumptions) -> Void = { _ in }
  ) {
    var configuration = PlatformConfiguration()
    configuration.devices = ["device1", "device2"].map {
      SimulatedDevice(productKey: "pk", deviceName: $0, secret: Self.secret)
    }
    var settings = WebSettings { Self.date }
    var assumptions = PlatformAssumptions()
    configure(&configuration, &settings)
    assume(&assumptions)
    core = PlatformCore(configuration, assumptions, random: SeededRandom(seed: 7))
    front = WebFront(core, settings)
  }

  /// The HMAC of names and values, sorted by name, in upper-case digits as the guide prints it.
  static func sign(_ fields: [String: String], _ hash: Hash, _ secret: [UInt8]) throws -> String {
    let content = fields.sorted { $0.key < $1.key }.map { $0.key + $0.value }.joined()
    let bytes = Array(content.utf8)
    return hexText(try hash.hmac(key: secret.span, content: bytes.span).bytes).uppercased()
  }

  /// The body of `/auth` in JSON; each change comes before the sign is made, `nil` takes a field away.
  static func credentials(
    _ changes: [String: String?] = [:],
    hash: Hash = .sha1,
    secret: [UInt8] = secret,
    unsigned: [String: PayloadValue] = [:]
  ) throws -> [UInt8] {
    var fields = ["productKey": "pk", "deviceName": "device1", "clientId": "c"]
    fields["timestamp"] = "\(date)"
    for (name, value) in changes { fields[name] = value }
    let sign = try sign(fields.filter { $0.key != "signmethod" }, hash, secret)
    var members = fields.map { PayloadValue.Member($0.key, .text($0.value)) }
    members.append(.init("sign", .text(sign)))
    if fields["signmethod"] == nil, hash != .md5 {
      members.append(.init("signmethod", .text(hash == .sha1 ? "hmacsha1" : "hmacsha256")))
    }
    members += unsigned.map { PayloadValue.Member($0.key, $0.value) }
    return PayloadValue.object(members).encoded(.json)
  }

  /// What the platform answers to a POST.
  func post(
    _ target: String,
    _ body: [UInt8],
    _ mediaType: String? = "application/json",
    _ fields: [(String, String)] = []
  ) -> Outcome {
    var request = WebRequest("POST", target)
    request.fields = fields.map { (name: $0.0, value: $0.1) }
    if let mediaType { request.fields.append((name: "Content-Type", value: mediaType)) }
    request.body = body
    return send(request)
  }

  func send(_ request: WebRequest) -> Outcome {
    let (answer, record) = front.handle(request, at: now, date: Self.date)
    return Outcome(answer: answer, record: record)
  }

  /// A report with a token.
  func report(
    _ token: String?,
    _ topic: String = "/pk/device1/user/update",
    _ payload: [UInt8] = Array("1".utf8),
    _ mediaType: String? = "application/octet-stream"
  ) -> Outcome {
    post("/topic" + topic, payload, mediaType, token.map { [("password", $0)] } ?? [])
  }

  func authenticate(_ device: String = "device1") throws -> String {
    let outcome = post("/auth", try Self.credentials(["deviceName": device]))
    return outcome.value?["info"]?["token"]?.string ?? ""
  }
}

/// An answer as a test looks at it.
struct Outcome {
  let answer: WebAnswer
  let record: WebRecord

  var value: PayloadValue? {
    guard case .bytes(let bytes) = answer.body else { return nil }
    return PayloadValue(bytes, .json)
  }

  var code: Int64? { value?["code"]?.integer }
}

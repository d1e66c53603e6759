// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadValues
internal import PlatformCore

/// `POST /auth` (device guide 3.8), and `POST /auth/devicename` (3.2).
extension WebFront {
  func authenticate(
    _ request: WebRequest,
    at now: Instant,
    date: UInt64,
    _ record: inout WebRecord
  ) throws(WebRefusal) -> WebAnswer {
    let form = try fields(ofJSON: request.body)
    if let timestamp = form["timestamp"] { try check(timestamp, date) }
    if let method = form["signmethod"], method.lowercased() == "hmacsha256" {
      throw refusal(.malformed, "signmethod is neither hmacmd5 nor hmacsha1", record.kind)
    }
    let grant = try ask(record.kind) { () throws(Refusal) in
      try core.authenticate(
        SubmittedCredentials(fields: form),
        at: now,
        for: .web,
        &record.notes
      )
    }
    let token = String(decoding: grant.session.token, as: UTF8.self)
    return answer(["code": 0, "message": "success", "info": ["token": .text(token)]])
  }

  /// A device is sent to MQTT with a name and a password for its CONNECT.
  func authenticateConnection(
    _ request: WebRequest,
    at now: Instant,
    _ record: inout WebRecord
  ) throws(WebRefusal) -> WebAnswer {
    let known: Set<String> = [
      "productKey", "deviceName", "sign", "signmethod", "clientId", "timestamp", "resources",
      "version",
    ]
    let form = try fields(ofForm: request.body, known, record.kind)
    let grant = try ask(record.kind) { () throws(Refusal) in
      try core.authenticate(
        SubmittedCredentials(fields: form),
        at: now,
        for: .connection,
        &record.notes
      )
    }
    let token = String(decoding: grant.session.token, as: UTF8.self)
    var data: [PayloadValue.Member] = [
      .init("iotId", .text(grant.session.connectionName)), .init("iotToken", .text(token)),
    ]
    let resources = (form["resources"] ?? "").split(separator: ",").map { $0.lowercased() }
    if resources.contains("mqtt"), let mqtt {
      let address: PayloadValue = [
        "host": .text(mqtt.host), "port": .integer(Int64(mqtt.port)),
      ]
      data.append(.init("resources", ["mqtt": address]))
    }
    return answer(["code": 200, "data": .object(data), "message": "success"])
  }

  /// The fields of `/auth`, all of them texts but the timestamp, which may be a number: the guide's table says so, its
  /// example has a text (3.8).
  private func fields(ofJSON body: [UInt8]) throws(WebRefusal) -> [String: String] {
    let known: Set<String> = [
      "version", "clientId", "signmethod", "sign", "productKey", "deviceName", "timestamp",
    ]
    guard let members = PayloadValue(body, .json)?.members else {
      throw refusal(.malformed, "the body is not one JSON object", .authentication)
    }
    var fields: [String: String] = [:]
    for member in members {
      // Unverified (`unknown-member` of `Assumption`): that it is refused.
      if !known.contains(member.name), core.assumptions.refusesUnknownMembers {
        throw refusal(.unknownMember, "a field that /auth does not have", .authentication)
      }
      switch member.value {
      case .text(let text): fields[member.name] = text
      case .integer(let number) where member.name == "timestamp": fields["timestamp"] = "\(number)"
      case _ where !known.contains(member.name): continue
      default:
        throw refusal(.malformed, "the field \(member.name) is not a text", .authentication)
      }
    }
    return fields
  }

  /// The fields of a form, which may have no others.
  func fields(
    ofForm body: [UInt8],
    _ known: Set<String>,
    _ kind: WebRecord.Kind
  ) throws(WebRefusal) -> [String: String] {
    guard let form = PercentCoding.form(body) else {
      throw refusal(.malformed, "the body is not a form, or has a name twice", kind)
    }
    guard known.isSuperset(of: form.keys) || !core.assumptions.refusesUnknownMembers else {
      throw refusal(.unknownMember, "a field that the form does not have", kind)
    }
    return form
  }

  /// Device guide 3.8: requests within 15 minutes of the timestamp are valid.
  private func check(_ timestamp: String, _ date: UInt64) throws(WebRefusal) {
    guard let time = UInt64(timestamp), timestamp.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 })
    else { throw refusal(.malformed, "the timestamp is not a decimal number", .authentication) }
    let distance = time > date ? time - date : date - time
    guard distance <= 15 * 60 * 1_000 else {
      throw refusal(
        .badSign,
        "the timestamp is \(distance / 1_000) s \(time > date ? "ahead" : "behind"), over 15 minutes",
        .authentication
      )
    }
  }

  /// The answer with that body.
  func answer(_ value: PayloadValue) -> WebAnswer {
    var answer = WebAnswer(200)
    answer.body = .bytes(value.encoded(.json))
    return answer
  }
}

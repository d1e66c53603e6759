// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
internal import PlatformCore

/// `POST /auth/register/device` (device guide 6.2).
extension WebFront {
  func register(
    _ request: WebRequest,
    _ record: inout WebRecord
  ) throws(WebRefusal) -> WebAnswer {
    let known: Set<String> = ["productKey", "deviceName", "random", "sign", "signMethod"]
    let form = try fields(ofForm: request.body, known, record.kind)
    let members = form.map { PayloadValue.Member($0.key, .text($0.value)) }
    let device = try ask(record.kind) { () throws(Refusal) in
      try core.register(.object(members), &record.notes)
    }
    let data: PayloadValue = [
      "productKey": .text(device.productKey), "deviceName": .text(device.deviceName),
      "deviceSecret": .text(String(decoding: device.secret, as: UTF8.self)),
    ]
    return answer(["code": 200, "data": data, "message": "success"])
  }
}

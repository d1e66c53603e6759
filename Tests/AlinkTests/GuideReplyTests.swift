// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import PlatformHTTPS
import Testing

@Suite("Device guide 6.2 to 6.12: every reply of the platform")
struct GuideReplyTests {
  @Test(arguments: GuideExample.all(.reply))
  func `its envelope is read in either format`(example: GuideExample) throws {
    try checkEnvelope(of: example)
  }

  @Test func `there are twenty-one of them`() {
    #expect(GuideExample.all(.reply).count == 21)
  }

  @Test func `desired values come with the printed versions`() throws {
    let example = try GuideExample.of("6.6 desired-get-reply")
    let text = bytes(example.corrected)
    let json = try AlinkMessageView<JSONReader>(text.span)
    let fromJSON = try desired(json)
    #expect(fromJSON == [#"power 2 "on""#])
    let encoded = try encoded(example.corrected)
    let cbor = try AlinkMessageView<CBORReader>(encoded.span)
    let fromCBOR = try desired(cbor)
    #expect(fromCBOR == fromJSON)
  }

  private func desired<Reader: PayloadReader & ~Escapable>(
    _ view: AlinkMessageView<Reader>
  ) throws -> [String] {
    var found: [String] = []
    guard let data = view.data else { return found }
    var values = DesiredValues(data)
    while let desired = try values.next() {
      var reader = desired.value
      let identifier = text(desired.identifier, in: view)
      let value = try value(of: &reader)
      found.append("\(identifier) \(desired.version ?? 0) \(value)")
    }
    return found
  }

  @Test(arguments: [
    ("6.2 sub-register-reply", "123456554 deviceName1234 xxxxxxx"),
    ("6.3 topo-get-reply", "1234556554 deviceName1234 "),
    ("6.3 topo-add-notify", "1234556554 deviceName1234 "),
  ])
  func `devices come with the printed names and secrets`(key: String, device: String) throws {
    let example = try GuideExample.of(key)
    let text = bytes(example.corrected)
    let json = try AlinkMessageView<JSONReader>(text.span)
    let fromJSON = try devices(json)
    #expect(fromJSON == [device])
    let encoded = try encoded(example.corrected)
    let cbor = try AlinkMessageView<CBORReader>(encoded.span)
    let fromCBOR = try devices(cbor)
    #expect(fromCBOR == fromJSON)
  }

  private func devices<Reader: PayloadReader & ~Escapable>(
    _ view: AlinkMessageView<Reader>
  ) throws -> [String] {
    var found: [String] = []
    guard let list = view.dataRange == nil ? view.parameters : view.data else { return found }
    var entries = DeviceEntries(list)
    while let entry = try entries.next() {
      let parts = [Array(entry.productKey), Array(entry.deviceName), Array(entry.deviceSecret)]
      found.append(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
    }
    return found
  }
}

@Suite("Device guide 4, 6.11 and 6.12: files that the platform offers")
struct GuideOfferTests {
  @Test(arguments: GuideExample.all(.firmware))
  func `a push of a firmware is read in either format`(example: GuideExample) throws {
    try checkEnvelope(of: example)
  }

  @Test(
    arguments: [
      ("4 upgrade-push", "2.0.0", 432_945, "93230c3bde425a9d7984a594ac55ea1e"),
      ("6.11 upgrade-push", "2.0.0", 432_945, "93230c3bde425a9d7984a594ac55ea1e"),
      (
        "6.11 firmware-reply", "1.0.1.9.20171112.1432", 93_796_291,
        "f8d85b250d4d787a9f483d89a9747348"
      ),
    ] as [(String, String, UInt64, String)]
  )
  func `a firmware is offered with the printed values`(
    key: String,
    version: String,
    size: UInt64,
    digest: String
  ) throws {
    let example = try GuideExample.of(key)
    let digits = bytes(digest)
    let message = bytes(example.corrected)
    let json = try AlinkMessageView<JSONReader>(message.span)
    let offer = try firmware(json)
    #expect(String(decoding: Array(offer.version), as: UTF8.self) == version)
    #expect(offer.size == size)
    #expect(offer.digest == FirmwareDigest(hexadecimal: digits.span))
    let url = String(decoding: Array(offer.url), as: UTF8.self)
    #expect(example.minified.contains(#""url":"\#(url)""#))
    let encoded = try encoded(example.corrected)
    let cbor = try AlinkMessageView<CBORReader>(encoded.span)
    let same = try firmware(cbor)
    #expect(same.version == offer.version && same.size == offer.size)
    #expect(same.url == offer.url && same.digest == offer.digest)
  }

  private func firmware<Reader: PayloadReader & ~Escapable>(
    _ view: AlinkMessageView<Reader>
  ) throws -> FileOffer {
    guard let data = view.data else { throw AlinkMessageError.member(.data) }
    return try FileOffer(firmware: data)
  }

  /// The printed sign is no SHA-256; with one, all else is taken as it is printed.
  @Test(arguments: ["6.12 configuration-get-reply", "6.12 configuration-push"])
  func `a configuration is refused for its placeholder of a sign, and for that alone`(
    key: String
  ) throws {
    let example = try GuideExample.of(key)
    #expect(throws: AlinkMessageError.member(.sign)) { try configuration(example.corrected) }
    let digest = String(repeating: "0aF1", count: 16)
    #expect(example.corrected.contains("123214adfadgadg"))
    let offer = try configuration(example.corrected.replacing("123214adfadgadg", with: digest))
    #expect(String(decoding: Array(offer.version), as: UTF8.self) == "123dagdah")
    #expect(offer.size == 1_234_565)
    let digits = bytes(digest)
    #expect(offer.digest == FirmwareDigest(hexadecimal: digits.span))
    let url = String(decoding: Array(offer.url), as: UTF8.self)
    #expect(example.minified.contains(#""url":"\#(url)""#))
  }

  private func configuration(_ text: String) throws -> FileOffer {
    let message = bytes(text)
    let view = try AlinkMessageView<JSONReader>(message.span)
    guard let file = view.dataRange == nil ? view.parameters : view.data else {
      throw AlinkMessageError.member(.data)
    }
    return try FileOffer(configuration: file)
  }
}

@Suite("Device guide 5 and 6: the tables of codes")
struct GuideCodeTests {
  @Test(
    arguments: [
      200, 400, 401, 427, 428, 429, 460, 500, 520, 521, 522, 1_000, 5_001, 6_100, 6_106, 6_200,
      6_250, 6_280, 6_287, 6_313, 6_321, 6_401, 6_402, 6_710, 6_713,
    ] as [UInt64]
  )
  func `each code of the tables has words, and two are successes`(number: UInt64) {
    let code = AlinkCode(rawValue: number)
    #expect(code.description.hasPrefix("\(number) "))
    #expect(!code.description.hasSuffix("unknown to the device guide"))
    #expect(code.isSuccess == (number == 200 || number == 1_000))
  }

  @Test(
    arguments: [10_000, 10_001, 20_000, 20_001, 20_002, 20_003, 20_004, 30_001, 40_000] as [UInt64]
  )
  func `a code of the other registry has its words too, and is no success`(number: UInt64) {
    let code = AlinkCode(rawValue: number)
    #expect(code.description == HTTPSCode(rawValue: number).description)
    #expect(!code.meaning.hasPrefix("unknown") && !code.isSuccess)
  }

  @Test(arguments: [99_999, 100_000, 110_000, 110_001] as [UInt64])
  func `100000 to 110000 are the device's own`(number: UInt64) {
    let isOwn = AlinkCode(rawValue: number).description.hasSuffix("the device's own")
    #expect(isOwn == (number == 100_000 || number == 110_000))
  }

  /// What chapter 5 sketches, with values in the place of its words.
  @Test func `an error of a sub-device is read`() throws {
    let message = bytes(#"{"id":"7","code":520,"message":"device session error"}"#)
    let view = try AlinkMessageView<JSONReader>(message.span)
    let (id, code) = (view.id, view.code)
    #expect(id == 7)
    #expect(code == .noSession)
    let words = view.message.map { text($0, in: view) }
    #expect(words == "device session error")
  }
}

/// Reads the example as JSON and as CBOR and compares all of its envelope with the index.
func checkEnvelope(of example: GuideExample) throws {
  let json = bytes(example.corrected)
  let first = try AlinkMessageView<JSONReader>(json.span)
  try check(first, example)
  let cbor = try encoded(example.corrected)
  let second = try AlinkMessageView<CBORReader>(cbor.span)
  try check(second, example)
}

private func check<Reader: PayloadReader & ~Escapable>(
  _ view: AlinkMessageView<Reader>,
  _ example: GuideExample
) throws {
  let (id, code) = (view.id, view.code)
  #expect(id == example.id)
  #expect(code == example.code.map { AlinkCode(rawValue: $0) })
  let message = view.message.map { text($0, in: view) }
  #expect(message == example.message)
  let method = view.method.map { text($0, in: view) }
  #expect(method == example.method)
  for isData in [true, false] {
    guard var reader = isData ? view.data : view.parameters else {
      #expect(!example.minified.contains(isData ? #""data":"# : #""params":"#))
      continue
    }
    let value = try value(of: &reader)
    #expect(example.minified.contains((isData ? #""data":"# : #""params":"#) + value))
  }
}

/// A text of a message.
func text<Reader: PayloadReader & ~Escapable>(
  _ text: PayloadText,
  in view: AlinkMessageView<Reader>
) -> String {
  var storage = [UInt8](repeating: 0xA5, count: 4_096)
  var writer = ByteWriter(storage.mutableSpan)
  try? view.copy(text, into: &writer)
  let count = writer.count
  return String(decoding: storage[..<count], as: UTF8.self)
}

// SPDX-License-Identifier: Apache-2.0
import Alink
import CBORPayload
import ConstrainedCore
import PayloadCoding
import Platform
import TestSupport
import Testing

@Suite("Device guide 4 and 6: messages from the platform")
struct AlinkMessageTests {
  private func text<Reader: PayloadReader & ~Escapable>(
    _ text: PayloadText,
    in reader: borrowing Reader
  ) -> String {
    var storage = [UInt8](repeating: 0xA5, count: 4_096)
    var writer = ByteWriter(storage.mutableSpan)
    try? reader.copy(text, into: &writer)
    let count = writer.count
    return String(decoding: storage[..<count], as: UTF8.self)
  }

  /// The guide prints ids and codes as numbers and as texts.
  @Test(
    arguments: [
      (#"{"id":"123","code":200,"data":{}}"#, 123, 200),
      (#"{"id":123,"code":"200","data":{}}"#, 123, 200),
      (
        #"{"code":"1000","data":{"size":1},"id":1507707025,"message":"success"}"#, 1_507_707_025,
        1_000
      ),
      (#"{"code":500,"message":"none upgrade operation of the device."}"#, nil, 500),
      (#"{"id":"1","version":"1.0","code":6106,"data":{},"x":[{"id":7}]}"#, 1, 6_106),
    ] as [(String, UInt64?, UInt64)]
  )
  func `a reply is read`(json: String, id: UInt64?, code: UInt64) throws {
    let message = bytes(json)
    let view = try AlinkMessageView<JSONReader>(message.span)
    #expect(view.id == id)
    #expect(view.code == AlinkCode(rawValue: code))
    #expect(view.code?.isSuccess == (code == 200 || code == 1_000))
  }

  @Test(arguments: [
    ("", AlinkMessageError.malformed), ("[]", .notAnObject), ("{}x", .malformed),
    (#"{"id":"1","id":"1"}"#, .repeated(.id)), (#"{"id":null,"id":1}"#, .repeated(.id)),
    (#"{"code":1,"code":1}"#, .repeated(.code)), (#"{"code":null,"code":1}"#, .repeated(.code)),
    (#"{"data":{},"data":{}}"#, .repeated(.data)),
    (#"{"params":{},"params":[]}"#, .repeated(.parameters)),
    (#"{"code":1.5}"#, .number(.code)), (#"{"code":-1}"#, .number(.code)),
    (#"{"code":"18446744073709551616"}"#, .number(.code)), (#"{"code":true}"#, .number(.code)),
    (#"{"code":1e400}"#, .number(.code)), (#"{"code":"ok"}"#, .number(.code)),
    (#"{"method":1}"#, .member(.method)), (#"{"id":"123","code":200,"data":"#, .malformed),
    (#"{"data":[}"#, .malformed), (#"{"data":[[{]]}"#, .malformed), (#"{"data":01}"#, .malformed),
  ])
  func `what is no reply is refused`(json: String, error: AlinkMessageError) {
    let message = bytes(json)
    #expect(throws: error) { _ = try AlinkMessageView<JSONReader>(message.span) }
  }

  @Test func `desired values come with their versions`() throws {
    let message = bytes(
      #"{"id":"123","code":200,"data":{"power":{"value":"on","version":2},"#
        + #""t":{"version":"7","value":{"a":[1]}}}}"#
    )
    let view = try AlinkMessageView<JSONReader>(message.span)
    var found: [String] = []
    if let data = view.data {
      var values = DesiredValues(data)
      while let value = try values.next() {
        var reader = value.value
        let token = try reader.nextToken()
        found.append("\(text(value.identifier, in: reader)) \(value.version ?? 0)")
        if case .text(let text)? = token { found.append(self.text(text, in: reader)) }
      }
    }
    #expect(found == ["power 2", "on", "t 7"])
  }

  @Test func `devices come with their names and secrets`() throws {
    let message = bytes(
      #"{"id":"123","code":200,"data":[{"iotId":"i","productKey":"1234556554","#
        + #""deviceName":"deviceName1234","deviceSecret":"xxxxxx"},"#
        + #"{"deviceName":"d2","productKey":"p2"}]}"#
    )
    let view = try AlinkMessageView<JSONReader>(message.span)
    let range = view.dataRange
    #expect(range.map { message[$0.lowerBound] } == UInt8(ascii: "["))
    var found: [String] = []
    if let data = view.data {
      var entries = DeviceEntries(data)
      while let entry = try entries.next() {
        let parts = [
          Array(entry.productKey), Array(entry.deviceName), Array(entry.deviceSecret),
          Array(entry.iotID),
        ]
        found.append(parts.map { String(decoding: $0, as: UTF8.self) }.joined(separator: " "))
      }
    }
    #expect(found == ["1234556554 deviceName1234 xxxxxx i", "p2 d2  "])
  }

  @Test func `what is no device in a list is an error, and behind the list comes nothing`() throws {
    let odd = bytes(#"[1,{"productKey":"p2","deviceName":"d2"}]"#)
    var refused = DeviceEntries(JSONReader(odd.span))
    var failure: AlinkMessageError?
    do throws(AlinkMessageError) { _ = try refused.next() } catch { failure = error }
    #expect(failure == .member(.data))
    let message = bytes(#"{"data":[],"a":{"productKey":"p2","deviceName":"d2"}}"#)
    let view = try AlinkMessageView<JSONReader>(message.span)
    if let data = view.data {
      var entries = DeviceEntries(data)
      for _ in 0..<3 {
        let isOver = try entries.next() == nil
        #expect(isOver)
      }
    }
    let desired = bytes(#"{"data":{},"a":{"value":1,"version":1}}"#)
    let reply = try AlinkMessageView<JSONReader>(desired.span)
    if let data = reply.data {
      var values = DesiredValues(data)
      for _ in 0..<3 {
        var isOver = true
        if let value = try values.next() { isOver = value.version == nil }
        #expect(isOver)
      }
    }
  }

  @Test(arguments: [
    (
      #"{"size":1,"version":"2","url":"u","sign":"00","signMethod":"Md5"}"#,
      AlinkMessageError.member(.sign)
    ),
    (#"{"size":1,"version":"2","url":"u","sign":"zz","signMethod":"Sha1"}"#, .member(.sign)),
    (#"{"version":"2","url":"u","md5":"f8d85b250d4d787a9f483d89a9747348"}"#, .member(.size)),
    (#"{"size":1,"url":"u","md5":"f8d85b250d4d787a9f483d89a9747348"}"#, .member(.version)),
    (#"{"size":1,"version":"2","md5":"f8d85b250d4d787a9f483d89a9747348"}"#, .member(.url)),
    (
      #"{"size":1,"version":"2","url":"u","sign":"f8d85b250d4d787a9f483d89a9747348","#
        + #""signMethod":"Sha256"}"#, .member(.signMethod)
    ),
    (#"{"size":1,"url":"u","url":"v"}"#, .repeated(.url)),
    (#"{"size":-1,"version":"2","url":"u"}"#, .number(.size)),
    (#"[]"#, .notAnObject),
  ])
  func `an offer that cannot be verified is refused`(json: String, error: AlinkMessageError) {
    let message = bytes(json)
    #expect(throws: error) { _ = try FileOffer(firmware: JSONReader(message.span)) }
  }

  @Test func `CBOR is read by the same calls`() throws {
    var buffer = [UInt8](repeating: 0xA5, count: 256)
    var writer = CBORWriter(buffer.mutableSpan)
    try AlinkReply.write(id: 123, code: .success, into: &writer) {
      (w: inout CBORWriter) throws(CapacityError) in
      try w.key("power")
      try w.beginObject()
      try w.key("value")
      try w.integer(1)
      try w.key("version")
      try w.integer(3)
      try w.endObject()
    }
    let count = writer.count
    let message = Array(buffer[..<count])
    let view = try AlinkMessageView<CBORReader>(message.span)
    #expect(view.id == 123)
    #expect(view.code == .success)
    var versions: [UInt64?] = []
    if let data = view.data {
      var values = DesiredValues(data)
      while let value = try values.next() { versions.append(value.version) }
    }
    #expect(versions == [3])
  }

  /// Whatever a bit's flip makes of a reply, reading it ends with a value or an error.
  @Test func `no flipped bit and no cut traps`() {
    let reply = bytes(
      #"{"id":"1","code":"1000","data":{"a":{"value":1,"version":2},"version":"2","url":"u","#
        + #""size":9,"sign":"f8d85b250d4d787a9f483d89a9747348","signMethod":"Md5"}}"#
    )
    for bit in 0..<reply.count * 8 {
      var flipped = reply
      flipped[bit / 8] ^= 1 << (bit % 8)
      read(flipped)
    }
    for end in reply.indices { #expect(!read(Array(reply[..<end])), "the first \(end) bytes") }
    #expect(read(reply))
  }

  /// Reads all there is of a reply; `false` where it is none.
  @discardableResult
  private func read(_ message: [UInt8]) -> Bool {
    guard let view = try? AlinkMessageView<JSONReader>(message.span) else { return false }
    guard let data = view.data else { return true }
    _ = try? FileOffer(firmware: data)
    var values = DesiredValues(data)
    while let next = try? values.next() { _ = next.version }
    var entries = DeviceEntries(data)
    while let next = try? entries.next() { _ = next.productKey }
    return true
  }
}

extension Array where Element == UInt8 {
  /// The bytes that are held.
  init<let capacity: Int>(_ bytes: FixedBytes<capacity>) {
    self = bytes.bytes.indices.map { bytes.bytes[$0] }
  }
}

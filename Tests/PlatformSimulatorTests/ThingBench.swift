// SPDX-License-Identifier: Apache-2.0
import CoAPMessage
import ConstrainedCore
import PayloadValues
import PlatformCore
import PlatformSimulator
import TestSupport
import Testing

/// The response to a report.
struct ThingAnswer {
  let record: RequestRecord
  let contentFormat: UInt16?
  let block: BlockOption?
  let tag: [UInt8]
  /// The payload as sent in the message.
  let bytes: [UInt8]
  /// The decrypted payload, if the mode encrypts and the payload is complete.
  let payload: [UInt8]

  /// The Alink reply in the format named by the response.
  var value: PayloadValue? {
    guard let contentFormat, let format = PayloadValue.Format(rawValue: contentFormat) else {
      return nil
    }
    return PayloadValue(payload, format)
  }

  var code: Int64? { value?["code"]?.integer }
  var data: PayloadValue? { value?["data"] }
}

/// A platform and a device that has authenticated in symmetric mode and writes its reports by hand.
struct ThingBench {
  var bench: Bench
  let session: Session
  private var sequence = 1

  init(_ configure: (inout SimulatorConfiguration) -> Void = { _ in }) throws {
    bench = Bench(configure)
    session = try bench.session()
  }

  var state: DeviceState {
    get throws {
      try #require(bench.platform.things.state(productKey: "pk", deviceName: "device"))
    }
  }

  /// Sends bytes to a path; options are numbers, `nil` for none.
  mutating func send(
    _ path: String,
    _ payload: [UInt8],
    contentFormat: UInt8? = 50,
    accept: UInt8? = nil,
    block: BlockOption? = nil
  ) throws -> ThingAnswer {
    sequence += 1
    let number = try session.seal("\(sequence)")
    var options: [(UInt16, [UInt8])] = []
    if let contentFormat { options.append((12, [contentFormat])) }
    if let accept { options.append((17, [accept])) }
    if let block { options.append((23, Self.bytes(of: block.value))) }
    options += [(2_088, session.token), (2_089, number)]
    let isFurther = (block?.number ?? 0) > 0
    let sealed = isFurther ? [] : try session.seal(payload)
    let segments = path.split(separator: "/").map(String.init)
    let record = try bench.send(segments, options, sealed)
    let bytes = try #require(bench.answers.last)
    let message = try MessageView(bytes.span)
    let content = array(message.payload)
    var tag: [UInt8] = []
    if let option = message.first(.eTag) { tag = array(option.value) }
    return ThingAnswer(
      record: record,
      contentFormat: message.uint(.contentFormat).map { UInt16($0) },
      block: message.block(.block2),
      tag: tag,
      bytes: content,
      payload: content.isEmpty ? [] : try session.open(content) ?? []
    )
  }

  /// Sends JSON to a topic of the device, after `/sys/pk/device/thing/`.
  mutating func report(_ topic: String, _ json: String) throws -> ThingAnswer {
    try send("topic/sys/pk/device/thing/\(topic)", Array(json.utf8))
  }

  /// Sends an envelope with the method and these parameters to the method's topic.
  mutating func call(_ method: String, _ parameters: String) throws -> ThingAnswer {
    let topic = method.split(separator: ".").dropFirst().joined(separator: "/")
    return try report(topic, Self.envelope(method, parameters))
  }

  static func envelope(_ method: String, _ parameters: String) -> String {
    #"{"id":"123","version":"1.0","params":\#(parameters),"method":"\#(method)"}"#
  }

  private static func bytes(of value: UInt32) -> [UInt8] {
    [value >> 16, value >> 8, value].map { UInt8(truncatingIfNeeded: $0) }
      .drop { $0 == 0 }.map { $0 }
  }
}

/// The value of a JSON text that a test has written.
func json(_ text: String) -> PayloadValue? {
  PayloadValue(Array(text.utf8), .json)
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding

/// ThingModelView: a model and a payload that anybody may have written; places lie within them, and the same
/// payload is judged alike as JSON and as CBOR.
///
/// Byte 0 chooses the call (bits 0 to 2 and 5), CBOR (bit 3), no steps (bit 4), characters (bit 6) and whole
/// arrays (bit 7); the model ends before the first zero byte, and behind that is the payload.
public func fuzzModel(_ bytes: Span<UInt8>) {
  guard bytes.count > 0 else { return }
  var end = 1
  while end < bytes.count, bytes[end] != 0 { end += 1 }
  let text = bytes.extracting(1..<end)
  let payload = bytes.extracting(min(end + 1, bytes.count)...)
  let choice = bytes[0]
  do throws(ThingModelError) {
    var rules = ThingModelRules()
    rules.checksSteps = choice & 0x10 == 0
    rules.textLength = choice & 0x40 == 0 ? .bytes : .characters
    rules.arraySize = choice & 0x80 == 0 ? .maximum : .exact
    let model = try ThingModelView(text, rules: rules)
    check(payload, choice, model, modelCount: text.count)
  } catch {
    switch error {
    case .modelNotJSON: break
    case .modelShape(let offset): precondition(offset < text.count, "a place behind the model")
    default: preconditionFailure("a model is refused as a payload")
    }
  }
}

private func check(
  _ payload: Span<UInt8>,
  _ choice: UInt8,
  _ model: borrowing ThingModelView,
  modelCount: Int
) {
  guard choice & 0x08 == 0 else {
    var reader = CBORReader(payload)
    let error = judge(&reader, choice, model)
    check(error, payload.count, modelCount)
    if error == .unreadablePayload { checkUnreadable(&reader) }
    return
  }
  var reader = JSONReader(payload)
  let error = judge(&reader, choice, model)
  check(error, payload.count, modelCount)
  if error == .unreadablePayload { checkUnreadable(&reader) }
  guard let item = cbor(payload) else { return }
  var other = CBORReader(item.span)
  let second = judge(&other, choice, model)
  check(second, item.count, modelCount)
  precondition(
    withoutPlaces(error) == withoutPlaces(second),
    "\(payload.count) bytes judged unlike"
  )
}

/// What the model says; `nil` when nothing is wrong.
private func judge<Reader: PayloadReader & ~Escapable>(
  _ reader: inout Reader,
  _ choice: UInt8,
  _ model: borrowing ThingModelView
) -> ThingModelError? {
  let name: [UInt8] = [UInt8(ascii: "e")]
  do throws(ThingModelError) {
    if choice & 0x20 != 0 {
      switch choice & 0x03 {
      case 0: try model.check(packPost: &reader)
      case 1: try model.check(packPost: &reader, ofSubDevicesOf: name.span)
      case 2: try model.check(propertyGet: &reader)
      default: try model.check(service: name.span, call: &reader)
      }
      return nil
    }
    switch choice & 0x07 {
    case 0, 1: try model.check(propertyPost: &reader)
    case 2, 3: try model.check(properties: &reader)
    case 4: try model.check(propertySet: &reader)
    case 5: try model.check(event: name.span, post: &reader)
    case 6: try model.check(event: name.span, params: &reader)
    default: try model.check(service: name.span, reply: &reader)
    }
    return nil
  } catch {
    return error
  }
}

/// The reader gives its error again, or has ended too early.
private func checkUnreadable<Reader: PayloadReader & ~Escapable>(_ reader: inout Reader) {
  do throws(Reader.Failure) {
    let token = try reader.nextToken()
    precondition(token == nil, "what could not be read goes on")
  } catch {}
}

private func check(_ error: ThingModelError?, _ count: Int, _ modelCount: Int) {
  switch error {
  case nil, .unreadablePayload, .unknownEvent, .unknownService: break
  case .notARequest(let offset), .unknownIdentifier(let offset), .unlistedIdentifier(let offset),
    .writeOnly(let offset), .readOnly(let offset), .missingValue(let offset),
    .unexpectedMember(let offset),
    .time(let offset):
    precondition(offset >= 0 && offset <= count, "a place behind the payload")
  case .missingMember(let offset, let model), .value(_, let offset, let model):
    precondition(offset >= 0 && offset <= count, "a place behind the payload")
    precondition(model >= 0 && model < modelCount, "a place behind the model")
  case .modelNotJSON, .modelShape: preconditionFailure("a payload is refused as a model")
  }
}

/// An error with all places but those in the model set to 0.
private func withoutPlaces(_ error: ThingModelError?) -> ThingModelError? {
  switch error {
  case .notARequest: .notARequest(offset: 0)
  case .unknownIdentifier: .unknownIdentifier(offset: 0)
  case .unlistedIdentifier: .unlistedIdentifier(offset: 0)
  case .writeOnly: .writeOnly(offset: 0)
  case .readOnly: .readOnly(offset: 0)
  case .missingValue: .missingValue(offset: 0)
  case .unexpectedMember: .unexpectedMember(offset: 0)
  case .time: .time(offset: 0)
  case .missingMember(_, let model): .missingMember(offset: 0, model: model)
  case .value(let rule, _, let model): .value(rule, offset: 0, model: model)
  default: error
  }
}

/// JSON as CBOR; `nil` where it is no JSON, or has a number beyond the largest Double.
private func cbor(_ json: Span<UInt8>) -> [UInt8]? {
  var reader = JSONReader(json)
  var buffer = [UInt8](repeating: 0xA5, count: 9 * json.count + 16)
  var scratch = [UInt8](repeating: 0xA5, count: json.count)
  var writer = CBORWriter(buffer.mutableSpan)
  do throws(JSONError) {
    while let token = try reader.nextToken() {
      do throws(CapacityError) {
        try writer.write(token, from: reader, scratch: scratch.mutableSpan)
      } catch {
        preconditionFailure("JSON has more than 9 bytes of CBOR for each of its own")
      }
    }
  } catch {
    return nil
  }
  let count = writer.count
  return Array(buffer[..<count])
}

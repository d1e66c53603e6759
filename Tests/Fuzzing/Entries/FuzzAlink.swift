// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CBORPayload
internal import ConstrainedCore
internal import PayloadCoding

/// AlinkMessageView and what reads its `data`, in JSON and in CBOR: what they take is within the bounds that
/// they state, and every place is one of the message's.
public func fuzzAlink(_ bytes: Span<UInt8>) {
  read(bytes, JSONReader.self)
  read(bytes, CBORReader.self)
}

private func read<Reader: PayloadReader & ~Escapable>(_ bytes: Span<UInt8>, _ reader: Reader.Type) {
  do throws(AlinkMessageError) {
    let view = try AlinkMessageView<Reader>(bytes)
    copy(view.message, of: view, bytes.count)
    copy(view.method, of: view, bytes.count)
    if let range = view.idRange {
      precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "an id out of bounds")
    }
    precondition(view.id == nil || view.idRange != nil, "an id without its place")
    if let range = view.dataRange {
      precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "data out of bounds")
    }
    precondition((view.dataRange != nil) == (view.data != nil), "data without its place")
    if let data = view.data { read(data, bytes.count) }
    if let parameters = view.parameters { read(parameters, bytes.count) }
  } catch {
    precondition(!"\(error)".isEmpty)
  }
}

private func read<Reader: PayloadReader & ~Escapable>(_ data: Reader, _ count: Int) {
  var values = DesiredValues(data)
  var found = 0
  do throws(AlinkMessageError) {
    while let value = try values.next() {
      precondition(value.range.lowerBound >= 0 && value.range.upperBound <= count, "out of bounds")
      found += 1
      // Each has at least a name, an object and a value.
      precondition(found <= count, "more values than bytes")
    }
  } catch {
    precondition(!"\(error)".isEmpty)
  }
  var entries = DeviceEntries(data)
  found = 0
  do throws(AlinkMessageError) {
    while let entry = try entries.next() {
      precondition(!entry.productKey.isEmpty && !entry.deviceName.isEmpty, "a device without names")
      found += 1
      precondition(found <= count, "more devices than bytes")
    }
  } catch {
    precondition(!"\(error)".isEmpty)
  }
  if let offer = try? FileOffer(firmware: data) {
    precondition(!offer.url.isEmpty && !offer.version.isEmpty, "an offer of nothing")
  }
  _ = try? FileOffer(configuration: data)
  _ = try? FileOffer(subDevices: data)
  _ = try? FileOffer.isNothing(data)
  var names = PropertyNames(data)
  found = 0
  while let name = try? names.next() {
    precondition(!name.isEmpty && name.count <= 64, "a name out of bounds")
    found += 1
    precondition(found <= count, "more names than bytes")
  }
}

private func copy<Reader: PayloadReader & ~Escapable>(
  _ text: PayloadText?,
  of view: borrowing AlinkMessageView<Reader>,
  _ count: Int
) {
  guard let text else { return }
  precondition(text.range.lowerBound >= 0 && text.range.upperBound <= count, "a text out of bounds")
  var buffer = [UInt8](repeating: 0, count: count)
  var writer = ByteWriter(buffer.mutableSpan)
  do throws(CapacityError) {
    try view.copy(text, into: &writer)
  } catch {
    preconditionFailure("a text is never longer than the message that it stands in")
  }
}

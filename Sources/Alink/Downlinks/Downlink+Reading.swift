// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding
internal import Platform

/// How messages are read and checked; each check throws what is wrong, after `id` where that can be read.
extension Downlink {
  /// Reads the message that came on `topic`, which `parts` was read from.
  mutating func read(
    _ message: Span<UInt8>,
    on topic: Span<UInt8>,
    _ parts: DownlinkTopic,
    maxMessage: Int
  ) throws(DownlinkFault) {
    switch kind {
    case .rawDown, .customCall: return
    case .synchronousCall:
      guard DownlinkEnvelope.isOfThingModel(message) else { return }
      call = .service
    default: break
    }
    contents = 0..<0
    let envelope = try envelope(message)
    let view = try view(message)
    if kind.hasMethod || call != nil {
      guard envelope.hasID, envelope.idIsNumber else { throw .id }
      guard envelope.hasKnownVersion else { throw .version }
      try checkMethod(view, topic.extracting(parts.path))
    }
    guard message.count <= maxMessage else { throw .messageTooLong(message.count) }
    try checkNames(message)
    if kind == .service { try keep(service: topic.extracting(parts.name)) }
    try findContents(view, message)
    try checkContents(message)
  }

  /// The members that decide whether there can be an answer.
  private mutating func envelope(_ message: Span<UInt8>) throws(DownlinkFault) -> DownlinkEnvelope {
    do throws(AlinkMessageError) {
      return try DownlinkEnvelope(message, id: &id)
    } catch {
      id.removeAll()
      throw .message(error)
    }
  }

  @_lifetime(copy message)
  private func view(
    _ message: Span<UInt8>
  ) throws(DownlinkFault) -> AlinkMessageView<JSONReader> {
    do throws(AlinkMessageError) {
      return try AlinkMessageView<JSONReader>(message)
    } catch {
      throw .message(error)
    }
  }

  /// Compares the method with the topic's name; a synchronous call's says what it asks for.
  private mutating func checkMethod(
    _ view: AlinkMessageView<JSONReader>,
    _ path: Span<UInt8>
  ) throws(DownlinkFault) {
    guard let text = view.method else { throw .method }
    var method = FixedBytes<128>()
    do throws(CapacityError) {
      try method.write { (output: inout ByteWriter) throws(CapacityError) in
        try view.copy(text, into: &output)
      }
    } catch {
      throw .method
    }
    guard kind == .synchronousCall else {
      guard method.count == path.count else { throw .method }
      for index in path.indices {
        // A method's name is its topic with dots.
        let byte = path[index] == UInt8(ascii: "/") ? UInt8(ascii: ".") : path[index]
        guard method.bytes[index] == byte else { throw .method }
      }
      return
    }
    let prefix = Span("thing.service." as StaticString)
    guard method.count > prefix.count,
      method.bytes.extracting(0..<prefix.count).isEqual(to: prefix)
    else { throw .method }
    let name = method.bytes.extracting(prefix.count..<method.count)
    if name.isEqual(to: "property.set") {
      call = .propertySet
    } else if name.isEqual(to: "property.get") {
      call = .propertyGet
    } else {
      do throws(AlinkError) { try checkIdentifier(name) } catch { throw .method }
      try keep(service: name)
    }
  }

  private mutating func keep(service name: Span<UInt8>) throws(DownlinkFault) {
    do throws(CapacityError) { try service.replace(with: name) } catch { throw .unknownTopic }
  }

  /// RFC 8259 Section 4: "The names within an object SHOULD be unique"; which of two would hold, cannot be known.
  private func checkNames(_ message: Span<UInt8>) throws(DownlinkFault) {
    do throws(JSONError) {
      if let repeated = try JSONReader(received: message).repeatedKey() {
        throw JSONError.unexpectedByte(offset: repeated.second.range.lowerBound)
      }
    } catch {
      // The message has been read whole before: this is the name.
      guard case .unexpectedByte(let offset) = error else { throw .message(.malformed) }
      throw .nameTwice(offset: offset)
    }
  }

  /// Finds `params` or `data`, and checks of which type it is.
  private mutating func findContents(
    _ view: AlinkMessageView<JSONReader>,
    _ message: Span<UInt8>
  ) throws(DownlinkFault) {
    switch kind {
    case .subDeviceError:
      guard let code = view.code else { throw .code }
      self.code = code
      return
    case .firmware:
      guard view.code == .firmware else { throw .code }
    case .desiredValues:
      guard view.code == .success else { throw .code }
    default: break
    }
    let isData = kind == .firmware || kind == .desiredValues || kind == .subDeviceConfiguration
    guard var reader = isData ? view.data : view.parameters else {
      if request.mayLackParameters { return }
      throw .parameters
    }
    do throws(AlinkMessageError) {
      guard let token = try reader.token() else { throw .malformed }
      let start = reader.tokenOffset
      try reader.pass(token)
      if token == .null, request.mayLackParameters { return }
      guard token == (request.takesList ? .beginArray : .beginObject) else {
        throw .member(.parameters)
      }
      contents = start..<reader.position
    } catch {
      throw .parameters
    }
  }

  /// Checks what this kind has in it.
  private func checkContents(_ message: Span<UInt8>) throws(DownlinkFault) {
    do throws(AlinkMessageError) {
      switch request {
      case .propertyGet:
        var names = PropertyNames(reader(message))
        while try names.next() != nil {}
      case .topologyAddition:
        guard try hasDevices(message) else { throw .member(.deviceName) }
      case .desiredValues:
        var values = DesiredValues(reader(message))
        while try values.next() != nil {}
      default: break
      }
    } catch {
      throw kind == .topologyAddition ? .names : .message(error)
    }
    if kind == .configuration, try !isFileType(message) { throw .fileType }
    try checkFile(message)
  }

  /// Whether at least one device is listed; the names of each are checked.
  private func hasDevices(_ message: Span<UInt8>) throws(AlinkMessageError) -> Bool {
    var entries = DeviceEntries(reader(message))
    var isEmpty = true
    while let entry = try entries.next() {
      isEmpty = false
      do throws(AlinkError) {
        try checkNames(of: entry)
      } catch {
        throw .member(.deviceName)
      }
    }
    return !isEmpty
  }

  private func checkNames(of entry: DeviceEntry) throws(AlinkError) {
    try Alink.checkNames(entry.productKey.bytes, entry.deviceName.bytes, .current)
  }

  /// Whether `getType` is `file`, the only one there is (device guide 6.12), or missing.
  private func isFileType(_ message: Span<UInt8>) throws(DownlinkFault) -> Bool {
    var reader = reader(message)
    do throws(AlinkMessageError) {
      _ = try reader.token()
      while case .key(let name)? = try reader.token() {
        guard let token = try reader.token() else { throw .malformed }
        if reader.text(name, equals: "getType") {
          guard case .text(let type) = token else { return false }
          return reader.text(type, equals: "file")
        }
        try reader.pass(token)
      }
    } catch {
      throw .message(error)
    }
    return true
  }

  /// A firmware is left to `FirmwarePush`: what it refuses is told by the upgrade's progress.
  private func checkFile(_ message: Span<UInt8>) throws(DownlinkFault) {
    let offer: FileOffer
    do throws(AlinkMessageError) {
      switch kind {
      case .configuration: offer = try FileOffer(configuration: reader(message))
      case .subDeviceConfiguration: offer = try FileOffer(subDevices: reader(message))
      default: return
      }
    } catch {
      throw .message(error)
    }
    if let fault = offer.fault(isConfiguration: true) { throw .file(fault) }
  }
}

extension FileOffer {
  /// Why the file is not to be fetched; `nil` where it is.
  ///
  /// A configuration has SHA-256 alone (device guide 6.7 and 6.12), a firmware MD5 as well (4).
  public func fault(isConfiguration: Bool) -> FileFault? {
    let scheme = Span("https://" as StaticString)
    guard url.count > scheme.count else { return .notHTTPS }
    for index in scheme.indices {
      let byte = url.bytes[index]
      // RFC 3986 Section 3.1: a scheme's case does not matter; the bit makes letters small.
      let isLetter = scheme[index] >= UInt8(ascii: "a")
      guard scheme[index] == (isLetter ? byte | 0x20 : byte) else { return .notHTTPS }
    }
    if givenSize == 0 { return .empty }
    if isConfiguration, case .md5 = digest { return .digestMethod }
    return nil
  }
}

extension DownlinkKind {
  /// Whether `params` may be left out, for they say nothing.
  fileprivate var mayLackParameters: Bool {
    self == .disable || self == .enable || self == .delete
  }

  /// Whether `params` are a list.
  fileprivate var takesList: Bool { self == .propertyGet || self == .topologyAddition }
}

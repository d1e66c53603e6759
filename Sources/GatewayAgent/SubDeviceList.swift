// SPDX-License-Identifier: Apache-2.0
internal import CDirectory
internal import CPOSIX
internal import ConstrainedCore
internal import OpenSSLSupport
internal import Platform

/// Reads the sub-devices that a configuration names, and those of its lists.
///
/// An error ends the process, with the file and the line.
struct SubDeviceList {
  /// The longest list in bytes.
  private static var maxCount: Int { 262_144 }

  private let text: HeapBytes

  /// Reads them, and gives each with its secret to `take`, which says what is wrong with it.
  @inline(never)
  static func read(
    _ configuration: borrowing Configuration,
    _ take: (DeviceIdentity, Span<UInt8>) -> StaticString?
  ) {
    for index in 0..<configuration.subDeviceCount {
      let place = Place(
        file: configuration.arguments.path,
        line: configuration.subDevice(index).line,
        folder: configuration.arguments.path.folder
      )
      entry(configuration.subDevice(index).text, place, take)
    }
    guard configuration.has(.subDevices) else { return }
    let path = configuration.path(.subDevices)
    let list = SubDeviceList(text: HeapBytes(Self.maxCount))
    if !list.readAll(in: path, take) { list.readFile(path, take) }
  }

  /// Reads a directory, whose path ends with a zero byte: its files PRODUCTKEY,DEVICENAME, which hold a secret each;
  /// `false` where it is none.
  private func readAll(
    in path: Span<UInt8>,
    _ take: (DeviceIdentity, Span<UInt8>) -> StaticString?
  ) -> Bool {
    let name = path.extracting(droppingLast: 1)
    var room = text.mutableSpan
    // SAFETY: the path ends with a zero byte, and so many bytes are written at most.
    let count = unsafe room.withUnsafeMutableBytes { room in
      unsafe path.withUnsafeBytes { path in
        unsafe nbiot_list_names(
          path.bindMemory(to: CChar.self).baseAddress,
          room.bindMemory(to: CChar.self).baseAddress,
          room.count
        )
      }
    }
    if count == -1, nbiot_errno() == ENOTDIR { return false }
    if count < 0 { fail(.unreadableList, name, code: count == -2 ? EFBIG : nbiot_errno()) }
    var start = 0
    while start < count {
      var end = start
      while text[end] != 0 { end += 1 }
      let entry = text.span.extracting(start..<end)
      var folder = FixedBytes<320>()
      folder.write { (writer: inout ByteWriter) in
        // 255 bytes and a slash.
        try? writer.append(name)
        try? writer.append("/")
      }
      start = end + 1
      // What an editor leaves is nobody's.
      if entry[entry.count - 1] == UInt8(ascii: "~") { continue }
      var file = FixedBytes<576>()
      file.write { (writer: inout ByteWriter) in
        try? writer.append(folder.bytes)
        try? writer.append(entry)
      }
      let place = Place(file: file.bytes, line: 0, folder: folder.bytes)
      // The file has the entry's name.
      Self.entry(entry, place, take)
    }
    return true
  }

  /// Reads a list, whose path ends with a zero byte.
  private func readFile(
    _ path: Span<UInt8>,
    _ take: (DeviceIdentity, Span<UInt8>) -> StaticString?
  ) {
    var room = text.mutableSpan
    let count = PrivateInput.read(path, into: &room, .unreadableList)
    let name = path.extracting(droppingLast: 1)
    if count == room.count { fail(.unreadableList, name, code: EFBIG) }
    var start = 0
    var line = 1
    while start < count {
      var end = start
      while end < count, room[end] != 0x0A { end += 1 }
      let range = room.span.trimmed(start..<end)
      if !range.isEmpty, room[range.lowerBound] != UInt8(ascii: "#") {
        let place = Place(file: name, line: line, folder: name.folder)
        Self.entry(room.span.extracting(range), place, take)
      }
      start = end + 1
      line += 1
    }
  }

  /// Where an entry stands, and where its files are.
  private struct Place: ~Escapable {
    let file: Span<UInt8>
    let line: Int
    let folder: Span<UInt8>

    @_lifetime(copy file, copy folder)
    init(file: Span<UInt8>, line: Int, folder: Span<UInt8>) {
      self.file = file
      self.line = line
      self.folder = folder
    }

    /// Ends the process because of the entry.
    func refuse(_ problem: StaticString) -> Never {
      var line = TextLine()
      line.add(.error)
      line.add(file)
      if self.line > 0 { line.add(.colon, UInt64(self.line)) }
      line.add(": sub-device: ")
      line.add(problem)
      fail(.usage, &line)
    }
  }

  /// Takes an entry, `PRODUCTKEY,DEVICENAME[,SECRETFILE]`.
  private static func entry(
    _ text: Span<UInt8>,
    _ place: Place,
    _ take: (DeviceIdentity, Span<UInt8>) -> StaticString?
  ) {
    let comma = UInt8(ascii: ",")
    let (first, second) = (text.word(0, by: comma), text.word(1, by: comma))
    let (key, name) = (trimmed(first), trimmed(second))
    // A path may have commas.
    let start = min(first.count + second.count + 2, text.count)
    let secretFile = trimmed(text.extracting(start..<text.count))
    let folder = place.folder
    var path = FixedBytes<512>()
    var isWritten = false
    do throws(CapacityError) {
      try path.write { (writer: inout ByteWriter) throws(CapacityError) in
        if secretFile.isEmpty || secretFile[0] != UInt8(ascii: "/") {
          try writer.append(folder)
        }
        if secretFile.isEmpty {
          try writer.append(key)
          try writer.append(",")
          try writer.append(name)
        } else {
          try writer.append(secretFile)
        }
        try writer.append(0)
      }
      isWritten = true
    } catch {}
    if !isWritten { place.refuse("the path of its secret file is too long") }
    do throws(IdentityError) {
      let identity = try DeviceIdentity(productKey: key, deviceName: name, clientID: nil)
      if let problem = hand(identity, readSecret(path.bytes), to: take) { place.refuse(problem) }
    } catch {
      place.refuse(
        "a product key has 1 to 64 letters and digits, a device name 4 to 32 letters, digits and _ @ . : -"
      )
    }
  }

  /// Gives a sub-device to its taker; as a local value the secret crashes the Embedded compiler.
  @inline(never)
  private static func hand(
    _ identity: DeviceIdentity,
    _ secret: borrowing SecretBytes,
    to take: (DeviceIdentity, Span<UInt8>) -> StaticString?
  ) -> StaticString? {
    take(identity, secret.bytes)
  }

  /// The first line of a secret's file, trimmed; the path ends with a zero byte.
  private static func readSecret(_ path: Span<UInt8>) -> SecretBytes {
    var text = InlineArray<256, UInt8>(repeating: 0)
    var room = text.mutableSpan
    defer { wipe(&room) }
    let length = PrivateInput.read(path, into: &room, .unusableSecret)
    let line = room.span.firstLine(of: 0..<length)
    guard let secret = SecretBytes(copying: room.span.extracting(line).wholeUTF8) else {
      fail(.unusableSecret, path.extracting(droppingLast: 1), code: 0)
    }
    return secret
  }

  @_lifetime(copy text)
  private static func trimmed(_ text: Span<UInt8>) -> Span<UInt8> {
    text.extracting(text.trimmed(0..<text.count))
  }
}

extension Span where Element == UInt8 {
  /// A path up to its last slash; empty without one.
  fileprivate var folder: Span<UInt8> {
    @_lifetime(copy self)
    get {
      var end = count
      while end > 0, self[end - 1] != UInt8(ascii: "/") { end -= 1 }
      return extracting(0..<end)
    }
  }
}

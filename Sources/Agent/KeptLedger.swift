// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CPOSIX
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceDriver
internal import DurableReports
internal import TrafficLedger

/// The ledger of an agent's earlier lives, in the file of the key `ledger`, and when that is written.
///
/// The file is what SIGUSR1 prints of the ledger, with all purposes, and a last line with the checksum of those before
/// it. It is replaced as a whole, at orderly ends, when asked for, and 10 minutes after something was sent or came; what is
/// lost when the program is killed is what came in those.
struct KeptLedger {
  /// Between the first datagram since the last write and the next one.
  private static var interval: Milliseconds { Milliseconds(600_000) }

  /// "checksum ", eight digits and the line's end.
  private static var tail: Int { 18 }

  /// What earlier lives have counted, and the reports that were delivered in them.
  private var ledger = TrafficLedger()
  private var reports: UInt64 = 0
  /// All datagrams when the file was written last; none are in it before that.
  private var written: UInt64 = 0
  /// When it is to be written; `nil` while nothing has changed.
  private(set) var deadline: Instant?
  /// Whether there is a file that is not to be replaced: one that cannot be read, and so may be whole, or is no ledger.
  private(set) var isLocked = false
  /// The system's error of the last write, which was told; 0 after success.
  private var failure: Int32 = 0

  /// What was read, and what is in the file.
  enum Reading {
    case nothing
    case good
    case damaged
    case foreign
    case unreadable(code: Int32)
  }

  /// All lives together.
  func total(with current: TrafficLedger) -> TrafficLedger {
    var total = ledger
    total.add(current)
    return total
  }

  /// The reports of all lives.
  func reports(with current: UInt64) -> UInt64 { reports &+ current }

  /// Reads the file at `path`, which ends with a zero byte.
  mutating func read(_ path: Span<UInt8>) -> Reading {
    var image = InlineArray<2_048, UInt8>(repeating: 0)
    var room = image.mutableSpan
    // SAFETY: the path ends with a zero byte, and the room has that size.
    let count = unsafe path.withUnsafeBytes { path in
      unsafe room.withUnsafeMutableBufferPointer { room in
        unsafe nbiot_read_file(
          path.bindMemory(to: CChar.self).baseAddress,
          room.baseAddress,
          room.count
        )
      }
    }
    if count < 0 {
      let code = nbiot_errno()
      isLocked = code != ENOENT
      return isLocked ? .unreadable(code: code) : .nothing
    }
    let bytes = image.span.extracting(first: count)
    if take(bytes) { return .good }
    isLocked = !Self.isLedger(bytes)
    return isLocked ? .foreign : .damaged
  }

  /// Notes whether there is anything new, and says whether the file is to be written now.
  mutating func isDue(_ current: TrafficLedger, at now: Instant) -> Bool {
    if isLocked { return false }
    if let deadline { return deadline <= now }
    if Self.datagrams(current) != written { deadline = now + Self.interval }
    return false
  }

  /// Replaces the file at `path`; returns the system's error if that is news, else 0.
  mutating func write(
    _ current: TrafficLedger,
    _ currentReports: UInt64,
    to path: Span<UInt8>
  ) -> Int32 {
    var image = InlineArray<2_048, UInt8>(repeating: 0)
    var writer = ByteWriter(image.mutableSpan)
    // 2,048 bytes are enough for the longest numbers.
    try? append(to: &writer, total(with: current), reports(with: currentReports))
    let count = writer.count
    let sum = Self.sum(image.span.extracting(first: count))
    let label = Span("checksum " as StaticString)
    for index in label.indices { image[count + index] = label[index] }
    for place in 0..<8 {
      let digit = UInt8(truncatingIfNeeded: sum &>> (28 &- 4 &* UInt32(place)) & 15)
      image[count + label.count + place] = digit < 10 ? 0x30 &+ digit : 0x57 &+ digit
    }
    image[count + Self.tail - 1] = 0x0A
    let bytes = image.span.extracting(first: count + Self.tail)
    // SAFETY: the path ends with a zero byte, and the pointer covers the bytes.
    let code = unsafe path.withUnsafeBytes { path in
      unsafe bytes.withUnsafeBufferPointer { bytes in
        unsafe nbiot_replace_file(
          path.bindMemory(to: CChar.self).baseAddress,
          bytes.baseAddress,
          bytes.count
        )
      }
    }
    deadline = nil
    // What could not be written is tried again after another interval.
    if code == 0 { written = Self.datagrams(current) }
    defer { failure = code }
    return code == failure ? 0 : code
  }

  private static func datagrams(_ ledger: TrafficLedger) -> UInt64 {
    ledger.total(.up).datagrams &+ ledger.total(.down).datagrams
  }

  private func append(
    to writer: inout ByteWriter,
    _ ledger: TrafficLedger,
    _ reports: UInt64
  ) throws(CapacityError) {
    try writer.append("info ledger reports=")
    try writer.append(decimal: reports)
    try writer.append(0x0A)
    for number in 0..<UInt8(TrafficLedger.Purpose.count) {
      guard let purpose = TrafficLedger.Purpose(rawValue: number) else { return }
      let (up, down) = (ledger[purpose, .up], ledger[purpose, .down])
      try writer.append("info ledger ")
      try writer.append(purpose.name)
      try writer.append(" datagrams-up=")
      try writer.append(decimal: up.datagrams)
      try writer.append(" bytes-up=")
      try writer.append(decimal: up.bytes)
      try writer.append(" datagrams-down=")
      try writer.append(decimal: down.datagrams)
      try writer.append(" bytes-down=")
      try writer.append(decimal: down.bytes)
      try writer.append(0x0A)
    }
  }

  /// Whether those may be what is left of a ledger: they begin as one does, or there are none.
  private static func isLedger(_ bytes: Span<UInt8>) -> Bool {
    let label = Span("info ledger " as StaticString)
    for index in 0..<min(label.count, bytes.count) where bytes[index] != label[index] {
      return false
    }
    return true
  }

  /// Takes what `append` has written, with its checksum; `false` where it is anything else.
  private mutating func take(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count > Self.tail else { return false }
    let start = bytes.count - Self.tail
    var sum: UInt32 = 0
    for index in (start + 9)..<(bytes.count - 1) {
      let byte = bytes[index]
      let isLetter = byte >= 0x61 && byte <= 0x66
      guard isLetter || byte >= 0x30 && byte <= 0x39 else { return false }
      sum = sum &<< 4 | UInt32(byte &- (isLetter ? 0x57 : 0x30))
    }
    let text = bytes.extracting(0..<start)
    guard sum == Self.sum(text) else { return false }
    // The numbers, in the order in which they were written.
    var numbers = InlineArray<37, UInt64>(repeating: 0)
    var count = 0
    var index = 0
    while index < text.count {
      if text[index] == UInt8(ascii: "=") {
        var end = index + 1
        while end < text.count, text[end] >= 0x30, text[end] <= 0x39 { end += 1 }
        guard count < 37, let number = text.extracting((index + 1)..<end).decimal else {
          return false
        }
        numbers[count] = number
        count += 1
        index = end
      }
      index += 1
    }
    guard count == 37 else { return false }
    reports = numbers[0]
    for number in 0..<UInt8(TrafficLedger.Purpose.count) {
      guard let purpose = TrafficLedger.Purpose(rawValue: number) else { return false }
      let first = 1 + 4 * Int(number)
      ledger[purpose, .up] = .init(datagrams: numbers[first], bytes: numbers[first + 1])
      ledger[purpose, .down] = .init(datagrams: numbers[first + 2], bytes: numbers[first + 3])
    }
    return true
  }

  /// FNV-1a with 32 bits.
  private static func sum(_ bytes: Span<UInt8>) -> UInt32 {
    var sum: UInt32 = 2_166_136_261
    for index in bytes.indices { sum = (sum ^ UInt32(bytes[index])) &* 16_777_619 }
    return sum
  }
}

extension Agent {
  /// Reads what earlier lives have counted; a damaged file is told of and begun anew, and one that may not be a ledger, or
  /// be a whole one, is told of and stays.
  mutating func readLedger() {
    guard configuration.has(.ledger) else { return }
    switch ledger.read(configuration.path(.ledger)) {
    case .nothing, .good: return
    case .damaged:
      line.start("warning ledger-damaged, it begins anew: ")
      line.add(configuration.bytes(.ledger))
    case .foreign:
      line.start("warning ledger-foreign, it is not replaced: ")
      line.add(configuration.bytes(.ledger))
    case .unreadable(let code):
      line.start("warning ledger-unreadable, it is not replaced: ")
      line.add(configuration.bytes(.ledger))
      line.add(.space)
      line.add(errno: code)
    }
    log(&line)
  }

  /// Writes the file, if one is wanted.
  mutating func writeLedger() {
    guard configuration.has(.ledger), !ledger.isLocked else { return }
    let reports = UInt64(driver.reports.deliveredReports)
    let code = ledger.write(driver.ledger, reports, to: configuration.path(.ledger))
    if code == 0 { return }
    line.start("warning ledger-not-written: ")
    line.add(configuration.bytes(.ledger))
    line.add(.space)
    line.add(errno: code)
    log(&line)
  }

  /// Writes the file when it is due.
  mutating func lookAfterLedger(at now: Instant) {
    if configuration.has(.ledger), ledger.isDue(driver.ledger, at: now) { writeLedger() }
  }

  /// Prints what was sent and received for each purpose, in this life or, where the ledger is kept, in all.
  mutating func showLedger() {
    let isKept = configuration.has(.ledger)
    if isKept {
      writeLedger()
      line.start("info ledger reports=")
      line.add(ledger.reports(with: UInt64(driver.reports.deliveredReports)))
      log(&line)
    }
    let shown = isKept ? ledger.total(with: driver.ledger) : driver.ledger
    for number in 0..<UInt8(TrafficLedger.Purpose.count) {
      guard let purpose = TrafficLedger.Purpose(rawValue: number) else { return }
      let (up, down) = (shown[purpose, .up], shown[purpose, .down])
      guard up.bytes | down.bytes != 0 else { continue }
      line.start("info ledger ")
      line.add(purpose.name)
      line.add(.datagramsUp, up.datagrams)
      line.add(.allBytesUp, up.bytes)
      line.add(.datagramsDown, down.datagrams)
      line.add(.allBytesDown, down.bytes)
      log(&line)
    }
  }
}
#endif

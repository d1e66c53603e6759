// SPDX-License-Identifier: Apache-2.0
internal import PayloadValues
public import PlatformBroker
public import PlatformSimulator
public import PlatformWebServer
internal import Synchronization
internal import SystemClocks

/// What a console knows of the devices of a platform.
///
/// Memory: as much as `BookLimits` allow, whoever reports. Any thread may write into it or read from it.
public final class ConsoleBook: Sendable {
  private let pages: Mutex<BookPages>
  private let clock: @Sendable () -> UInt64

  /// A book about these devices, in the order of their names, and about those that come meanwhile.
  ///
  /// `interval` is the time from one report to the next in milliseconds, where that is known; otherwise the book
  /// learns it from each device's reports. `length` is the time after which no more reports are made.
  public convenience init(
    _ devices: [(productKey: String, deviceName: String)],
    interval: Int64? = nil,
    length: Int64? = nil,
    limits: BookLimits = BookLimits()
  ) {
    self.init(devices, interval: interval, length: length, limits: limits) {
      WallClock.milliseconds()
    }
  }

  /// The same with a clock of one's own, in milliseconds since 1970.
  package init(
    _ devices: [(productKey: String, deviceName: String)],
    interval: Int64? = nil,
    length: Int64? = nil,
    limits: BookLimits = BookLimits(),
    clock: @escaping @Sendable () -> UInt64
  ) {
    let paths = devices.map { "\($0.productKey)/\($0.deviceName)" }
    let start = Int64(clamping: clock())
    var book = BookPages(paths, interval: interval, limits, start: start)
    book.end = length.map { start + $0 }
    pages = Mutex(book)
    self.clock = clock
  }

  /// Writes down a request over CoAP.
  public func note(_ record: RequestRecord) { note(BookEvent(record)) }

  /// The same, of a device that is known from elsewhere.
  public func note(_ record: RequestRecord, of device: String) {
    var event = BookEvent(record)
    event.device = device
    event.isClaimed = false
    note(event)
  }

  /// Writes down what happened over MQTT.
  public func note(_ record: BrokerRecord) { note(BookEvent(record)) }

  /// Writes down a request over HTTPS.
  public func note(_ record: WebRecord) { note(BookEvent(record)) }

  private func note(_ event: BookEvent?) {
    guard let event else { return }
    let now = now
    pages.withLock { $0.note(event, at: now) }
  }

  /// Now in milliseconds since 1970.
  var now: Int64 { Int64(clamping: clock()) }

  /// Reads from it.
  func read<Result: Sendable>(_ body: (BookPages) -> Result) -> Result {
    pages.withLock { body($0) }
  }
}

/// How much a book keeps.
public struct BookLimits: Sendable, Equatable {
  /// The devices.
  public var devices = 20_000
  /// The last messages of a device.
  public var messages = 100
  /// The bytes of all messages, with 256 for each beside what was sent.
  public var bytes = 32 << 20
  /// The numbers that a device reports, each by its name.
  public var series = 4
  /// The last values of each of them.
  public var values = 32

  /// The limits that hold unless others are set.
  public init() {}
}

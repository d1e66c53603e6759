// SPDX-License-Identifier: Apache-2.0
/// The book's contents: devices with their numbers and last messages.
struct BookPages {
  /// A number that a device reports, with its last values.
  struct Series {
    let name: String
    var values: [Double] = []
  }

  /// How the device stands.
  enum State: Int64 {
    /// Nothing has come.
    case unseen
    /// The last request was taken.
    case good
    /// The last request was refused.
    case refused
  }

  /// A device.
  struct Device {
    let path: String
    /// The book's `version` when something changed last.
    var version: UInt64 = 0
    var state = State.unseen
    /// When something came last, in milliseconds since 1970; 0 for never.
    var lastSeen: Int64 = 0
    /// When a report came last; 0 for never.
    var lastReport: Int64 = 0
    /// The last times from one report to the next.
    var gaps: [Int64] = []
    var reports = 0
    var retransmissions = 0
    var roundTrips = 0
    var authentications = 0
    var refusals = 0
    /// Messages that came from it.
    var received = 0
    var bytesUp = 0
    var bytesDown = 0
    /// When it was refused last; 0 for never.
    var lastRefusal: Int64 = 0
    /// Code and reason of that.
    var refusal = ""
    var transport = ""
    var series: [Series] = []
    /// The last messages, the oldest first.
    var messages: [BookMessage] = []

    /// The usual time from one report to the next, once three have come; 0 before.
    var interval: Int64 {
      guard gaps.count > 1 else { return 0 }
      return gaps.sorted()[gaps.count / 2]
    }
  }

  let limits: BookLimits
  /// When the book was begun, in milliseconds since 1970.
  let start: Int64
  /// From when on no more reports are made, in milliseconds since 1970; `nil` for never.
  var end: Int64?
  /// The time between reports, where that is known for all.
  let fixedInterval: Int64?
  /// The devices; the first entry is for what belongs to none.
  private(set) var devices: [Device]
  /// Grows with each change.
  private(set) var version: UInt64 = 0
  /// The devices beyond the limit that something came from, as far as can be told.
  private(set) var strangers = 0
  private var indexes: [String: Int] = [:]
  /// Which device each message is of, in their order; those that are gone are passed over.
  private var order: [(device: Int, id: UInt64)] = []
  private var orderStart = 0
  /// What the messages take.
  private(set) var bytes = 0
  /// How many messages there are.
  private(set) var kept = 0
  private var lastID: UInt64 = 0

  init(_ paths: [String], interval: Int64?, _ limits: BookLimits, start: Int64) {
    self.limits = limits
    self.start = start
    fixedInterval = interval
    devices = [Device(path: "")]
    for path in Set(paths).sorted().prefix(limits.devices) {
      indexes[path] = devices.count
      devices.append(Device(path: path))
    }
    strangers = max(0, Set(paths).count - limits.devices)
  }

  /// The interval of a device in milliseconds; 0 where nobody knows.
  func interval(of device: Device) -> Int64 { fixedInterval ?? device.interval }

  /// How many reports are missing at `now`: one once half an interval has passed beyond it.
  func missing(_ device: Device, at now: Int64) -> Int64 {
    let interval = interval(of: device)
    let from = device.lastReport > 0 ? device.lastReport : fixedInterval == nil ? 0 : start
    guard interval > 0, from > 0 else { return 0 }
    let due = max(0, (now - from - interval / 2) / interval)
    // Of those that are due before the end; the one after the last would be due at the end or later.
    return end.map { min(due, max(0, ($0 - from - 1) / interval)) } ?? due
  }

  /// The device with that path.
  func index(of path: String) -> Int? { indexes[path] }

  /// The devices that have changed since a version, at most so many, and the version that they are from.
  func changes(since seen: UInt64, limit: Int) -> (indexes: [Int], version: UInt64) {
    guard seen < version else { return ([], version) }
    var changed = devices.indices.filter { devices[$0].version > seen }
    guard changed.count > limit else { return (changed, version) }
    changed.sort { devices[$0].version < devices[$1].version }
    changed.removeLast(changed.count - limit)
    return (changed, devices[changed[limit - 1]].version)
  }

  // MARK: Writing

  mutating func note(_ event: BookEvent, at now: Int64) {
    guard let index = place(for: event) else {
      strangers += 1
      return
    }
    version += 1
    devices[index].version = version
    Self.update(&devices[index], event, limits, at: now)
    var message = event.message
    lastID += 1
    message.id = lastID
    message.time = now
    keep(message, at: index)
  }

  /// Where an event belongs; `nil` if the book is full.
  private mutating func place(for event: BookEvent) -> Int? {
    if let index = indexes[event.device] { return index }
    // What only claims to be a device adds none.
    guard !event.device.isEmpty, !event.isClaimed else { return 0 }
    guard devices.count <= limits.devices else { return nil }
    indexes[event.device] = devices.count
    devices.append(Device(path: event.device))
    return devices.count - 1
  }

  private static func update(
    _ device: inout Device,
    _ event: BookEvent,
    _ limits: BookLimits,
    at now: Int64
  ) {
    let message = event.message
    if event.meaning != .down {
      device.lastSeen = now
      device.received += 1
    }
    device.bytesUp += message.bytesUp
    device.bytesDown += message.bytesDown
    if event.isRoundTrip { device.roundTrips += 1 }
    if !message.transport.isEmpty { device.transport = message.transport }
    switch event.meaning {
    case .report:
      device.state = .good
      device.reports += 1
      // Reports that go out together are of one time.
      if device.lastReport > 0, now - device.lastReport >= 2_000 {
        device.gaps.append(now - device.lastReport)
        if device.gaps.count > 5 { device.gaps.removeFirst() }
      }
      device.lastReport = now
      for reading in event.readings { add(reading, to: &device.series, limits) }
    case .authentication:
      device.state = .good
      device.authentications += 1
    case .again: device.retransmissions += 1
    case .refusal:
      device.state = .refused
      device.refusals += 1
      device.lastRefusal = now
      device.refusal = [message.title, "→ \(message.outcome)", message.note]
        .filter { !$0.isEmpty }.joined(separator: " ")
    case .other where message.isGood && event.isRoundTrip: device.state = .good
    case .down, .other: break
    }
  }

  private static func add(
    _ reading: (name: String, value: Double),
    to series: inout [Series],
    _ limits: BookLimits
  ) {
    if let index = series.firstIndex(where: { $0.name == reading.name }) {
      series[index].values.append(reading.value)
      if series[index].values.count > limits.values { series[index].values.removeFirst() }
    } else if series.count < limits.series {
      series.append(Series(name: reading.name, values: [reading.value]))
    }
  }

  private mutating func keep(_ message: BookMessage, at index: Int) {
    bytes += message.cost
    kept += 1
    devices[index].messages.append(message)
    order.append((index, message.id))
    if devices[index].messages.count > limits.messages { dropFirst(of: index) }
    while bytes > limits.bytes, orderStart < order.count {
      let (device, id) = order[orderStart]
      orderStart += 1
      if devices[device].messages.first?.id == id { dropFirst(of: device) }
    }
    // What is gone is cleared away now and then, so that the list stays as long as there are messages.
    if order.count > 1_024, order.count > 2 * kept + 1_024 {
      order = order[orderStart...].filter { entry in
        devices[entry.device].messages.first.map { $0.id <= entry.id } ?? false
      }
      orderStart = 0
    }
  }

  private mutating func dropFirst(of index: Int) {
    bytes -= devices[index].messages.removeFirst().cost
    kept -= 1
  }
}

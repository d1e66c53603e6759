// SPDX-License-Identifier: Apache-2.0
package import ConstrainedCore
internal import OpenSSLSupport
package import Platform

/// The sub-devices of a gateway by number and by name.
///
/// A class because the outbox's table shares it (`isOpen`). A number combines a place in the table with how often the
/// place was used, so that the number of a sub-device that was removed is nobody's.
package final class SubDeviceBook {
  let gateway: DeviceIdentity
  private(set) var count = 0
  /// What all of them are together.
  let tally = SubDeviceTally()
  private var places: [Entry?] = []
  private var uses: [UInt16] = []
  /// Each name's hash with its place, in order of the hash.
  private var names: [(hash: UInt64, place: Int)] = []
  /// Whether a sub-device has come online since `open`.
  package private(set) var isOpening = false
  /// Whether `takeOpened` has news.
  package private(set) var hasNews = false
  /// The sub-devices whose reports were found to wait since `takeAwaited`.
  private var awaited: [Int] = []
  /// Names that reports wait for and that no sub-device has: `PK/DN`, and how many of them were told.
  private var strangers: [[UInt8]] = []
  private var toldStrangers = 0

  init(_ gateway: DeviceIdentity) {
    self.gateway = gateway
  }

  subscript(number: Int) -> Entry? {
    let place = number & 0xFFFF
    guard number >= 0, place < places.count, number >> 16 == Int(uses[place]) else { return nil }
    return places[place]
  }

  /// The sub-device of that number.
  package func entry(_ number: Int) -> Entry? { self[number] }

  /// How many places there are, some of which may be free.
  package var placeCount: Int { places.count }

  /// The sub-device in a place; `nil` where that is free.
  package func entry(at place: Int) -> Entry? { places[place] }

  /// Puts in a sub-device whose name is not there yet; its number.
  func add(
    _ identity: DeviceIdentity,
    _ secret: consuming [UInt8],
    _ method: SubDeviceSignMethod
  )
    -> Int
  {
    var place = 0
    while place < places.count, places[place] != nil { place += 1 }
    if place == places.count {
      places.append(nil)
      uses.append(0)
    }
    let number = Int(uses[place]) << 16 | place
    places[place] = Entry(number, identity, secret, method, tally)
    let hash = Self.hash(identity.productKey.bytes, identity.deviceName.bytes)
    names.insert((hash, place), at: firstName(hash))
    count += 1
    return number
  }

  func remove(_ number: Int) {
    guard let entry = self[number] else { return }
    entry.leaveTally()
    let place = number & 0xFFFF
    places[place] = nil
    uses[place] = (uses[place] + 1) & 0x7FFF
    names.removeAll { $0.place == place }
    count -= 1
  }

  /// The sub-device of those names.
  func entry(_ productKey: Span<UInt8>, _ deviceName: Span<UInt8>) -> Entry? {
    let hash = Self.hash(productKey, deviceName)
    var index = firstName(hash)
    while index < names.count, names[index].hash == hash {
      if let entry = places[names[index].place],
        entry.identity.productKey.bytes.isEqual(to: productKey),
        entry.identity.deviceName.bytes.isEqual(to: deviceName)
      {
        return entry
      }
      index += 1
    }
    return nil
  }

  /// The sub-device that a topic names.
  package func entry(ofTopic topic: Span<UInt8>) -> Entry? {
    guard let names = TopicNames(topic) else { return nil }
    return entry(topic.extracting(names.productKey), topic.extracting(names.deviceName))
  }

  /// Whether reports on a topic may be sent: the gateway's own, and those of sub-devices that are online.
  ///
  /// One of a device that is not there waits until it is added: the platform would drop it with 520.
  package func isOpen(_ topic: Span<UInt8>) -> Bool {
    guard let names = TopicNames(topic) else { return true }
    let key = topic.extracting(names.productKey)
    let name = topic.extracting(names.deviceName)
    if gateway.productKey.bytes.isEqual(to: key), gateway.deviceName.bytes.isEqual(to: name) {
      return true
    }
    guard let entry = entry(key, name) else { return !names.isCertain }
    return entry.phase == .online
  }

  /// The same of a report that waits in an outbox: where its topic is shut, `takeAwaited` or `takeStranger` tells whose
  /// it is.
  package func admits(_ topic: Span<UInt8>) -> Bool {
    if isOpen(topic) { return true }
    guard let names = TopicNames(topic) else { return false }
    let key = topic.extracting(names.productKey)
    let name = topic.extracting(names.deviceName)
    if let entry = entry(key, name) {
      if !entry.isAwaited {
        entry.isAwaited = true
        awaited.append(entry.number)
      }
    } else {
      noteStranger(key, name)
    }
    return false
  }

  /// Whether `takeAwaited` has any.
  package var hasAwaited: Bool { !awaited.isEmpty }

  /// The sub-devices of which a report was found to wait, each once.
  package func takeAwaited() -> [Int] {
    defer { awaited.removeAll() }
    return awaited
  }

  /// The next device, as `PK/DN`, that reports wait for and that is none of the sub-devices; each once, 16 at most.
  package func takeStranger() -> [UInt8]? {
    guard toldStrangers < strangers.count else { return nil }
    defer { toldStrangers += 1 }
    return strangers[toldStrangers]
  }

  private func noteStranger(_ productKey: Span<UInt8>, _ deviceName: Span<UInt8>) {
    guard strangers.count < 16 else { return }
    var path: [UInt8] = []
    for index in productKey.indices { path.append(productKey[index]) }
    path.append(UInt8(ascii: "/"))
    for index in deviceName.indices { path.append(deviceName[index]) }
    for known in strangers where known.span.isEqual(to: path.span) { return }
    strangers.append(path)
  }

  func noteOpening() { isOpening = true }

  /// Has `takeOpened` tell of those that have come online.
  package func open() {
    hasNews = hasNews || isOpening
    isOpening = false
  }

  /// Whether a sub-device has come online, as far as `open` was called.
  package func takeOpened() -> Bool {
    defer { hasNews = false }
    return hasNews
  }

  /// The first index at or behind which names with that hash are.
  private func firstName(_ hash: UInt64) -> Int {
    var (low, high) = (0, names.count)
    while low < high {
      let middle = (low + high) / 2
      if names[middle].hash < hash { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// Of both names with a zero byte between them; equal ones are told apart by the names themselves.
  private static func hash(_ productKey: Span<UInt8>, _ deviceName: Span<UInt8>) -> UInt64 {
    var hash = FNVHash()
    hash.add(productKey)
    hash.add(0)
    hash.add(deviceName)
    return hash.value
  }
}

/// How many sub-devices are online, and how many are to be: kept, because each turn of a program's loop asks.
final class SubDeviceTally {
  private(set) var online = 0
  /// On the way to be online.
  private(set) var expected = 0
  private(set) var wanted = 0
  /// Whether anything has changed since this was cleared.
  var hasChanged = true

  /// What one sub-device counts for.
  struct Share {
    var isOnline = false
    var isExpected = false
    var isWanted = false
  }

  func change(from old: Share, to new: Share) {
    hasChanged = true
    online += (new.isOnline ? 1 : 0) - (old.isOnline ? 1 : 0)
    expected += (new.isExpected ? 1 : 0) - (old.isExpected ? 1 : 0)
    wanted += (new.isWanted ? 1 : 0) - (old.isWanted ? 1 : 0)
  }
}

/// A sub-device as the sessions know it.
package final class Entry {
  enum Phase: Equatable {
    /// Offline; the next login is due then, `nil` where it waits for a command.
    case offline(until: Instant?)
    /// The request is under way.
    case loggingIn(UInt64, until: Instant)
    case online
    /// The request is under way.
    case loggingOut(UInt64, until: Instant)
  }

  /// Where its subscription stands.
  package enum Listening: Equatable {
    /// There is none: it is not online.
    case none
    /// It is to be asked for.
    case wanted
    /// The platform was asked, under that number, and answers until then.
    case asked(UInt32, until: Instant)
    /// The platform sends what comes for it.
    case granted
    /// The platform has refused some or all of it.
    case refused
  }

  package let number: Int
  package let identity: DeviceIdentity
  /// Wiped with the entry: nobody else keeps a reference to this memory.
  private var secret: [UInt8]
  let signMethod: SubDeviceSignMethod
  var phase = Phase.offline(until: nil) {
    didSet {
      if oldValue == .online, phase != .online {
        sessionCount &+= 1
        listening = .none
      }
      if phase == .online {
        hasUsedShare = false
        spareReports = Self.spareReportsAtFirst
      }
      recount()
    }
  }
  var isWanted = false { didSet { recount() } }
  /// Whether, since it was online, a report of it has found no room.
  package var hasUsedShare = false
  /// How many more reports of it are kept until it is online, although others that are shut out have filled their half
  /// of the outbox: a burst of its readings, and with 1,500 of them no more than the outbox's own limit.
  package var spareReports = spareReportsAtFirst
  private static var spareReportsAtFirst: Int { 16 }
  /// Whether a report was found to wait for its login.
  var isAwaited = false
  /// Logins without success since the last one with it.
  var failures = 0
  /// How often it was thrown out by another connection.
  var kicks = 0
  /// Whether a batch was refused because of it, perhaps.
  var isSingle = false
  /// When it has logged in lately, the oldest first.
  var logins: [Instant] = []
  /// How many of its sessions have ended.
  package private(set) var sessionCount: UInt32 = 0
  /// Where its subscription stands.
  package var listening = Listening.none
  /// Why it is not online, where the platform has said so.
  var reason: SubDeviceReason?
  private let tally: SubDeviceTally
  /// What it counts for in the tally.
  private var share = SubDeviceTally.Share()

  init(
    _ number: Int,
    _ identity: DeviceIdentity,
    _ secret: consuming [UInt8],
    _ signMethod: SubDeviceSignMethod,
    _ tally: SubDeviceTally
  ) {
    self.tally = tally
    self.number = number
    self.identity = identity
    self.secret = secret
    self.signMethod = signMethod
  }

  deinit {
    var span = secret.mutableSpan
    wipe(&span)
  }

  package var isOnline: Bool { phase == .online }

  /// Whether it is wanted online, and on its way there without anybody's doing.
  package var isOnItsWay: Bool { share.isExpected }

  /// Whether the platform has refused it, thrown it out, or not answered it: its reports wait, and nobody knows how long.
  package var isShutOut: Bool {
    guard !isOnline, let reason else { return false }
    return switch reason {
    case .code, .silence, .signing: true
    case .disconnected, .loggedOut: false
    }
  }

  private func recount() {
    var next = SubDeviceTally.Share()
    next.isOnline = phase == .online
    next.isWanted = isWanted
    next.isExpected = isWanted && phase != .online && phase != .offline(until: nil)
    tally.change(from: share, to: next)
    share = next
  }

  /// Counts for nothing any more.
  func leaveTally() {
    tally.change(from: share, to: SubDeviceTally.Share())
    share = SubDeviceTally.Share()
  }

  func withSecret<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let shared = secret
    return try body(shared.span)
  }
}

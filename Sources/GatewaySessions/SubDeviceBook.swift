package import ConstrainedCore
internal import OpenSSLSupport
package import Platform

/// The sub-devices of a gateway by number and by name.
///
/// A class, because the outbox's table looks into it, too: `isOpen`. A number is a place in the table and how often that
/// was used, so that the number of a sub-device that was removed is nobody's.
package final class SubDeviceBook {
  let gateway: DeviceIdentity
  private(set) var count = 0
  private var places: [Entry?] = []
  private var uses: [UInt16] = []
  /// Each name's hash with its place, in order of the hash.
  private var names: [(hash: UInt64, place: Int)] = []
  /// Whether a sub-device has come online since `open`.
  package private(set) var isOpening = false
  /// Whether `takeOpened` has news.
  package private(set) var hasNews = false

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

  /// Goes through all of them, in order of their places.
  package func forEach(_ body: (Entry) -> Void) {
    for place in places.indices {
      if let entry = places[place] { body(entry) }
    }
  }

  /// The first place from `place` on that is in use, and its sub-device.
  package func next(from place: Int) -> (place: Int, entry: Entry)? {
    var place = place
    while place < places.count {
      if let entry = places[place] { return (place, entry) }
      place += 1
    }
    return nil
  }

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
    places[place] = Entry(number, identity, secret, method)
    let hash = Self.hash(identity.productKey.bytes, identity.deviceName.bytes)
    names.insert((hash, place), at: firstName(hash))
    count += 1
    return number
  }

  func remove(_ number: Int) {
    guard self[number] != nil else { return }
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
    }
  }
  var isWanted = false
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

  init(
    _ number: Int,
    _ identity: DeviceIdentity,
    _ secret: consuming [UInt8],
    _ signMethod: SubDeviceSignMethod
  ) {
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

  func withSecret<Result, Failure: Error>(
    _ body: (Span<UInt8>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let shared = secret
    return try body(shared.span)
  }
}

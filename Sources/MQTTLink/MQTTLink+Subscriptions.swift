// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import MQTTLayer

/// What the device wants to be told.
extension MQTTLink where Layer: ~Copyable {
  /// Asks for the messages of a topic filter, now or as soon as there is a connection, and again where a later
  /// connection has lost it; its index, which the event `subscription` has.
  ///
  /// A filter that is asked for already keeps its index.
  @discardableResult
  public mutating func subscribe(
    to filter: Span<UInt8>,
    quality: MQTTQuality = .atLeastOnce
  ) throws(SubscriptionError) -> Int {
    guard isFilter(filter) else { throw .filter }
    var free: Int?
    for index in 0..<32 {
      if subscriptions[index].phase == .free {
        if free == nil { free = index }
      } else if subscriptions[index].filter.bytes.isEqual(to: filter) {
        if case .leaving = subscriptions[index].phase { subscriptions[index].phase = .wanted }
        askForSubscriptions()
        return index
      }
    }
    guard let index = free else { throw .tooMany }
    do throws(CapacityError) {
      try subscriptions[index].filter.replace(with: filter)
    } catch {
      throw .filter
    }
    subscriptions[index].quality = quality
    subscriptions[index].phase = .wanted
    askForSubscriptions()
    return index
  }

  /// Asks for the messages of a topic filter no more.
  public mutating func unsubscribe(from filter: Span<UInt8>) {
    for index in 0..<32 where subscriptions[index].phase != .free {
      guard subscriptions[index].filter.bytes.isEqual(to: filter) else { continue }
      guard connection == .connected else {
        // Where the session is kept the platform may still have it; what comes is the owner's to ignore.
        subscriptions[index].phase = .free
        return
      }
      let number = newNumber()
      guard layer.unsubscribe(from: filter, number: number) else { return }
      subscriptions[index].number = number
      subscriptions[index].phase = .leaving(until: now + settings.answerTimeout)
      return
    }
  }

  /// Whether all that is wanted is granted.
  public var hasSubscriptions: Bool {
    for index in 0..<32 {
      switch subscriptions[index].phase {
      case .free, .granted: continue
      case .wanted, .asked, .refused, .leaving: return false
      }
    }
    return true
  }

  /// Whether the platform has refused all that is wanted, so that nothing will come.
  public var isAllRefused: Bool {
    var isAny = false
    for index in 0..<32 {
      switch subscriptions[index].phase {
      case .free: continue
      case .refused: isAny = true
      case .wanted, .asked, .granted, .leaving: return false
      }
    }
    return isAny
  }

  /// The topic filter of that index, which the event `subscription` has.
  public func filter(_ index: Int) -> FixedBytes<160> { subscriptions[index].filter }

  /// Asks the platform for what is wanted, as far as the layer has room; the rest follows.
  mutating func askForSubscriptions() {
    guard connection == .connected, registration == nil else { return }
    for index in 0..<32 where subscriptions[index].phase == .wanted {
      guard ask(for: index) else { return }
    }
  }

  /// Asks the platform for a subscription; `false` where the layer has no room.
  mutating func ask(for index: Int) -> Bool {
    let number = newNumber()
    let isAsked = layer.subscribe(
      to: subscriptions[index].filter.bytes,
      quality: subscriptions[index].quality,
      number: number
    )
    guard isAsked else { return false }
    subscriptions[index].number = number
    subscriptions[index].phase = .asked(until: now + settings.answerTimeout)
    lastActivity = now
    return true
  }

  /// Takes in what the platform says of a subscription; the event, if it is of one.
  mutating func takeSubscription(_ number: UInt32, isGranted: Bool) -> MQTTLinkEvent? {
    for index in 0..<32 where subscriptions[index].number == number {
      guard case .asked = subscriptions[index].phase else { continue }
      subscriptions[index].phase = isGranted ? .granted : .refused
      subscriptions[index].isRefusalTold = false
      askForSubscriptions()
      return .subscription(index, isGranted: isGranted)
    }
    #if !SMALL || GATEWAY
    if number & Self.severalMark != 0 { return .subscriptions(number, isGranted: isGranted) }
    #endif
    return nil
  }

  /// Takes in that a subscription is over.
  mutating func takeUnsubscription(_ number: UInt32) {
    for index in 0..<32 where subscriptions[index].number == number {
      if case .leaving = subscriptions[index].phase { subscriptions[index].phase = .free }
    }
  }

  /// The earliest time by which the platform must have answered about a subscription.
  var subscriptionDeadline: Instant? {
    var earliest: Instant?
    for index in 0..<32 {
      switch subscriptions[index].phase {
      case .asked(let until), .leaving(let until): earliest = min(earliest ?? until, until)
      case .free, .wanted, .granted, .refused: continue
      }
    }
    return earliest
  }

  /// Whether bytes are a topic filter: wildcards take a whole level, `#` only the last one.
  private func isFilter(_ bytes: Span<UInt8>) -> Bool {
    guard bytes.count > 0, bytes.count <= 160, bytes.isUTF8 else { return false }
    for index in bytes.indices {
      let byte = bytes[index]
      if byte < 0x20 || byte == 0x7F { return false }
      guard byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#") else { continue }
      guard index == 0 || bytes[index - 1] == UInt8(ascii: "/") else { return false }
      let isLast = index == bytes.count - 1
      guard isLast || byte == UInt8(ascii: "+") && bytes[index + 1] == UInt8(ascii: "/") else {
        return false
      }
    }
    return true
  }
}

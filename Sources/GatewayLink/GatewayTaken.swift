// SPDX-License-Identifier: Apache-2.0
public import DeviceStore
internal import GatewaySessions

/// The reports under way over a gateway's link, and which topics wait for a sub-device's login.
public struct GatewayTaken: TakenEntries {
  private var entries = TakenTable<16>()
  private var book: SubDeviceBook?
  /// The checksums of topics that may be open although the last search has found none.
  private var reopened: [UInt32] = []

  /// Without sub-devices: every topic is open.
  public init() {}

  init(_ book: SubDeviceBook) { self.book = book }

  /// The maximum number of entries.
  public static var places: Int { TakenTable<16>.places }

  /// The entry at a place.
  public subscript(place: Int) -> TakenEntry {
    get { entries[place] }
    set { entries[place] = newValue }
  }

  /// What is known of the entries that wait beside them.
  public var outlook: TakenOutlook {
    get { entries.outlook }
    set { entries.outlook = newValue }
  }

  /// Yes: those of sub-devices that are offline are shut.
  public static var hasGate: Bool { true }

  /// Whether the topic is the gateway's own, or that of a sub-device which is online; whose it is else is noted.
  public func isOpen(_ topic: Span<UInt8>) -> Bool { book?.admits(topic) ?? true }

  /// Whether a sub-device has come online since the last call.
  public mutating func takeOpened() -> Bool { book?.takeOpened() ?? false }

  /// The most topics that are kept; beyond, each may be one of them.
  private static var mostReopened: Int { 64 }

  /// Keeps the topic.
  public mutating func noteReopened(_ topic: UInt32) {
    if reopened.count <= Self.mostReopened { reopened.append(topic) }
  }

  /// Whether the topic is one of those.
  public func isReopened(_ topic: UInt32) -> Bool {
    reopened.count > Self.mostReopened || reopened.contains(topic)
  }

  /// Forgets them.
  public mutating func forgetReopened() { reopened.removeAll(keepingCapacity: true) }
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import DeviceStore
internal import HTTPSChannel
internal import HTTPSLayer

/// The configurations that the platform offers to a gateway: the product's, and that of its sub-devices.
struct Configurations: ~Copyable {
  var product = OfferedConfiguration(.product)
  var subDevices = OfferedConfiguration(.subDevices)
  /// What fetches them; `nil` where nobody wants them.
  var channel: HTTPSChannel?
  var command = ConfigurationCommand()
  /// Which of them is being fetched.
  var fetching: ConfigurationNames?
  /// Which of them the command has.
  var handing: ConfigurationNames?

  /// Reads what is kept of them.
  mutating func open(_ directory: borrowing StateDirectory) {
    guard channel != nil else { return }
    product.open(directory)
    subDevices.open(directory)
  }

  /// What is readable while the channel has something to tell; -1 without one.
  var descriptor: Int32 {
    switch channel {
    case .some(let channel): channel.descriptor
    case nil: -1
    }
  }

  /// When something of them is due.
  var deadline: Instant? {
    if channel == nil { return nil }
    var first = command.deadline
    if fetching == nil {
      if mayFetch(.product), product.push.isWanted {
        first = earlier(first, product.push.deadline)
      }
      if mayFetch(.subDevices), subDevices.push.isWanted {
        first = earlier(first, subDevices.push.deadline)
      }
    }
    if handing == nil {
      if !product.push.isWanted { first = earlier(first, product.push.deadline) }
      if !subDevices.push.isWanted { first = earlier(first, subDevices.push.deadline) }
    }
    return first
  }

  /// Which of them is to be fetched now.
  func toFetch(at now: Instant) -> ConfigurationNames? {
    if mayFetch(.product), product.push.wantsFile(at: now) { return .product }
    return mayFetch(.subDevices) && subDevices.push.wantsFile(at: now) ? .subDevices : nil
  }

  /// Whether one of them can be fetched: its store holds one open file, which is the command's while that runs.
  private func mayFetch(_ names: ConfigurationNames) -> Bool { handing != names }

  /// Which of them is to be handed over now.
  func toHandOver(at now: Instant) -> ConfigurationNames? {
    if product.push.wantsTaker(at: now) { return .product }
    return subDevices.push.wantsTaker(at: now) ? .subDevices : nil
  }

  /// Gives one of them to be changed.
  mutating func with<Result, Failure: Error>(
    _ names: ConfigurationNames,
    _ body: (inout OfferedConfiguration) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    switch names {
    case .product: try body(&product)
    case .subDevices: try body(&subDevices)
    }
  }

  /// Begins to fetch the file of one of them; `false` where that cannot begin.
  mutating func beginFetch(
    _ names: ConfigurationNames,
    limit: UInt64
  ) throws(StoreError) -> Bool {
    let file = try with(names) { (one: inout OfferedConfiguration) throws(StoreError) in
      try one.begin()
    }
    let (url, size) = with(names) { ($0.push.url, $0.push.size) }
    let isBegun =
      channel?.fetch(
        url.bytes,
        into: file,
        limit: Int(truncatingIfNeeded: min(size ?? limit, limit)),
        within: Milliseconds(3_600_000)
      ) ?? false
    if isBegun { fetching = names } else { with(names) { $0.discard() } }
    return isBegun
  }

  /// Ends the command, and the transfer.
  mutating func end() {
    command.end()
    channel?.close()
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import MQTTLayer

/// What was asked for before there is a connection, in order.
struct HeldCommands {
  private var commands: [HeldCommand] = []
  private var size = 0

  var isEmpty: Bool { commands.isEmpty }

  /// Holds a command with copies of its bytes; `false` where all of them would be more than `limit` bytes.
  mutating func append(
    _ kind: HeldCommand.Kind,
    _ number: UInt32,
    topic: Span<UInt8>,
    payload: Span<UInt8> = Span(),
    limit: Int
  ) -> Bool {
    let bytes = topic.count + payload.count + HeldCommand.overhead
    guard bytes <= limit - size else { return false }
    size += bytes
    commands.append(
      HeldCommand(
        kind: kind,
        number: number,
        topic: [UInt8](copying: topic),
        payload: [UInt8](copying: payload)
      )
    )
    return true
  }

  mutating func removeAll() {
    commands = []
    size = 0
  }

  /// The commands, which are held no more.
  mutating func takeAll() -> [HeldCommand] {
    defer { removeAll() }
    return commands
  }
}

/// A command of an `MQTTLayer`.
struct HeldCommand {
  enum Kind: Equatable {
    case publish(MQTTQuality)
    case subscribe(MQTTQuality)
    case unsubscribe
  }

  let kind: Kind
  let number: UInt32
  let topic: [UInt8]
  let payload: [UInt8]

  /// What a command costs beside its bytes.
  static var overhead: Int { 64 }
}

extension [UInt8] {
  /// A copy.
  fileprivate init(copying span: Span<UInt8>) {
    self.init()
    reserveCapacity(span.count)
    for index in span.indices { append(span[index]) }
  }
}

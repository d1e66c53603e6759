// SPDX-License-Identifier: Apache-2.0
/// The cost of a message on the air.
public struct RadioCost: Equatable, Sendable {
  /// The largest uplink transport block of NB-IoT (3GPP Release 13: 1,000 bits), in bytes.
  public static var blockSize: Int { 125 }

  /// The payload with the given overhead, in bytes: with a session's overhead, the whole datagram
  /// and the IP and UDP headers.
  public let bytes: Int

  /// The number of transport blocks of at most 125 bytes.
  ///
  /// It estimates the radio cost; the network chooses the actual blocks.
  public let blocks: Int
}

/// The overhead of a message around its payload.
public struct MessageOverhead: Equatable, Sendable {
  /// Headers and options in bytes, including those of IP and UDP.
  public var bytes: Int

  /// The cipher's block size, to whose next multiple a payload is padded: 16 in symmetric mode, 1
  /// without padding.
  public var cipherBlock: Int

  /// Defaults to no overhead.
  public init(bytes: Int = 0, cipherBlock: Int = 1) {
    self.bytes = bytes
    self.cipherBlock = cipherBlock
  }

  /// The cost of a message with a payload of `count` bytes.
  public func cost(ofPayload count: Int) -> RadioCost {
    // PKCS #7 adds a whole block to a payload that fills its blocks.
    let sealed = cipherBlock > 1 ? (count / cipherBlock + 1) * cipherBlock : count
    let total = bytes + sealed
    let blocks = (total + RadioCost.blockSize - 1) / RadioCost.blockSize
    return RadioCost(bytes: total, blocks: blocks)
  }
}

/// What a message costs on the air.
public struct RadioCost: Equatable, Sendable {
  /// The uplink's largest transport block in NB-IoT (3GPP Release 13: 1,000 bits), in bytes.
  public static var blockSize: Int { 125 }

  /// The payload with the overhead that was given, in bytes: with a session's, the whole datagram and the
  /// headers of IP and UDP.
  public let bytes: Int

  /// How many transport blocks of at most 125 bytes it takes: what the radio charges for, as an estimate,
  /// for the network chooses the blocks.
  public let blocks: Int
}

/// What a message has around its payload.
public struct MessageOverhead: Equatable, Sendable {
  /// Headers and options, those of IP and UDP included, in bytes.
  public var bytes: Int

  /// The cipher's block, to whose next multiple a payload is padded: 16 in the symmetric mode, 1 where
  /// nothing is padded.
  public var cipherBlock: Int

  /// Nothing, unless more is given.
  public init(bytes: Int = 0, cipherBlock: Int = 1) {
    self.bytes = bytes
    self.cipherBlock = cipherBlock
  }

  /// What a message with a payload of so many bytes costs.
  public func cost(ofPayload count: Int) -> RadioCost {
    // PKCS #7 pads a payload that fills its blocks by one more.
    let sealed = cipherBlock > 1 ? (count / cipherBlock + 1) * cipherBlock : count
    let total = bytes + sealed
    let blocks = (total + RadioCost.blockSize - 1) / RadioCost.blockSize
    return RadioCost(bytes: total, blocks: blocks)
  }
}

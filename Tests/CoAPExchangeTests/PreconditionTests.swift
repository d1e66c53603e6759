// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import TestSupport
import Testing

@Suite("Mistakes of a caller's that end the program")
struct ExchangePreconditionTests {
  @Test(arguments: [
    (0, 1_500, 4, 1, 1, "ACK_TIMEOUT"), (3_600_001, 1_500, 4, 1, 1, "ACK_TIMEOUT"),
    (2_000, 999, 4, 1, 1, "ACK_RANDOM_FACTOR"), (2_000, 10_001, 4, 1, 1, "ACK_RANDOM_FACTOR"),
    (2_000, 1_500, -1, 1, 1, "MAX_RETRANSMIT"), (2_000, 1_500, 21, 1, 1, "MAX_RETRANSMIT"),
    (2_000, 1_500, 4, 0, 1, "NSTART"), (2_000, 1_500, 4, 1, 0, "PROBING_RATE"),
    (2_000, 1_500, 4, 1, 1_000_001, "PROBING_RATE"),
  ])
  func `parameters outside their ranges are a mistake`(
    timeout: Int64,
    factor: Int64,
    limit: Int,
    nstart: Int,
    rate: Int64,
    words: String
  ) async {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      [
        timeout = timeout as Int64, factor = factor as Int64, limit = limit as Int,
        nstart = nstart as Int, rate = rate as Int64
      ] in
      _ = TransmissionParameters(
        acknowledgementTimeout: Milliseconds(timeout),
        acknowledgementRandomFactor: factor,
        maxRetransmit: limit,
        nstart: nstart,
        probingRate: rate
      )
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }

  @Test func `parameters at the ends of their ranges are none`() {
    for timeout in [1, 3_600_000] as [Int64] {
      for factor in [1_000, 10_000] as [Int64] {
        for rate in [1, 1_000_000] as [Int64] {
          let parameters = TransmissionParameters(
            acknowledgementTimeout: Milliseconds(timeout),
            acknowledgementRandomFactor: factor,
            maxRetransmit: 20,
            probingRate: rate
          )
          #expect(parameters.acknowledgementTimeout.count == timeout)
        }
      }
    }
  }

  @Test(arguments: [
    ("a block that is too long", "a block that is not the last is full"),
    ("a block that is not full", "a block that is not the last is full"),
    ("a request after the end", "a finished transfer has no further request"),
  ])
  func `a transfer's request that cannot be is a mistake`(mistake: String, words: String) async {
    let result = await #expect(
      processExitsWith: .failure,
      observing: [\.standardErrorContent]
    ) { [mistake = mistake as String] in
      var transfer = try BlockwiseTransfer<64>(.put, blockSize: BlockSize(atMost: 16)) { _ in }
      var buffer = [UInt8](repeating: 0xA5, count: 128)
      var message = try MessageWriter(
        buffer.mutableSpan,
        type: .confirmable,
        code: .put,
        messageID: 1,
        token: Token()
      )
      let body = [UInt8](repeating: 7, count: 17)
      switch mistake {
      case "a block that is too long": try transfer.write(body.span, into: &message)
      case "a block that is not full":
        try transfer.write(body.span.extracting(0..<15), isLast: false, into: &message)
      default:
        try transfer.write(body.span.extracting(0..<16), into: &message)
        let changed = hex("60 44 00 01")
        _ = try transfer.handle(MessageView(changed.span))
        try transfer.write(into: &message)
      }
    }
    let said = complaint(result?.standardErrorContent)
    #expect(said.contains(words))
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CoAPExchange
internal import CoAPMessage
internal import ConstrainedCore

/// ClientEndpoint and BlockwiseTransfer under commands, datagrams and times; see `ExchangeScript`.
public func fuzzExchange(_ bytes: Span<UInt8>) {
  ExchangeScript.run(bytes)
}

/// An endpoint under arbitrary commands, datagrams and times, read from bytes.
///
/// Each step is a byte that says what to do and one that says with what. It checks what must hold
/// whatever happens: nothing traps, each exchange ends once, a deadline is in the future once it has
/// been handled, and in the end the endpoint is idle.
private struct ExchangeScript: ~Copyable {
  private var endpoint = ClientEndpoint<3, 96, 2>(
    parameters: .standard,
    isAdaptive: true,
    key: (7, 1)
  )
  private var transfer: BlockwiseTransfer<32>?
  private var now = Instant(milliseconds: 0)
  private var open: [ExchangeID] = []
  private var last: [UInt8] = []

  /// Runs the script; traps when something does not hold.
  static func run(_ script: Span<UInt8>) {
    var run = ExchangeScript()
    var offset = 0
    while offset + 1 < script.count {
      let step = script[offset]
      let value = script[offset + 1]
      offset += 2
      if step & 0x07 == 7 {
        let count = min(Int(value), script.count - offset)
        run.receive(script.extracting(offset..<offset + count), matched: step & 0x08 != 0)
        offset += count
      } else {
        run.command(step, value)
      }
      run.settle()
    }
    run.finish()
  }

  private mutating func command(_ step: UInt8, _ value: UInt8) {
    switch step & 0x07 {
    case 0, 1:
      send(step & 0x07 == 0 ? .confirmable : .nonConfirmable, value)
    case 2:
      if let id = try? endpoint.ping(random: UInt32(value)) { open.append(id) }
    case 3:
      if let id = open.randomElement(value) {
        endpoint.cancel(id)
        open.removeAll { $0 == id }
      }
    case 4:
      if let id = open.randomElement(value) { try? endpoint.cancelObservation(id) }
    case 5:
      now = now + Milliseconds(Int64(value) << (step >> 4))
      endpoint.handleTimeout(at: now)
    default:
      startTransfer(value)
    }
  }

  private mutating func send(_ type: MessageType, _ value: UInt8) {
    let code: Code = value & 1 == 0 ? .get : .post
    let token = endpoint.newToken()
    let id = try? endpoint.send(code, type: type, token: token, random: UInt32(value) << 24) {
      (message: inout MessageWriter) throws(MessageWriterError) in
      if value & 2 != 0 { try message.option(.observe, uint: 0) }
      try message.option(.uriPath, [value].span)
      if value & 4 != 0 { try message.option(.noResponse, uint: UInt64(value >> 3)) }
      try message.payload([UInt8](repeating: value, count: Int(value >> 2)).span)
    }
    if let id { open.append(id) }
  }

  private mutating func startTransfer(_ value: UInt8) {
    transfer = try? BlockwiseTransfer(
      value & 1 == 0 ? .get : .put,
      blockSize: BlockSize(atMost: 16 << Int(value >> 5)),
      responseBlockSize: value & 2 == 0 ? nil : BlockSize(atMost: 32)
    ) { (message: inout MessageWriter) throws(MessageWriterError) in
      try message.option(.uriPath, [value].span)
    }
    writeBlock(isLast: value & 4 != 0)
  }

  /// Writes the transfer's next request, which nobody sends.
  private mutating func writeBlock(isLast: Bool) {
    guard let piece = transfer?.nextPiece else { return }
    var storage = [UInt8](repeating: 0, count: 1_200)
    let body = [UInt8](repeating: 1, count: piece.count)
    guard
      var writer = try? MessageWriter(
        storage.mutableSpan,
        type: .confirmable,
        code: .get,
        messageID: 0,
        token: Token()
      )
    else { return }
    try? transfer?.write(body.span, isLast: isLast, into: &writer)
  }

  private mutating func receive(_ bytes: Span<UInt8>, matched: Bool) {
    var datagram: [UInt8] = []
    for index in bytes.indices { datagram.append(bytes[index]) }
    // Message ID and token of what was sent last, so that more than one in four billion matches.
    if matched, last.count >= 4, datagram.count >= 4 {
      datagram[2] = last[2]
      datagram[3] = last[3]
      let length = Int(last[0] & 0x0F)
      if datagram.count >= 4 + length, last.count >= 4 + length {
        datagram[0] = datagram[0] & 0xF0 | last[0] & 0x0F
        for index in 4..<4 + length { datagram[index] = last[index] }
      }
    }
    do throws(MessageFormatError) {
      let message = try MessageView(datagram.span)
      note(endpoint.handle(message, at: now))
      do throws(BlockwiseError) {
        switch try transfer?.handle(message) {
        case .next, .block, .restart: writeBlock(isLast: datagram[0] & 1 == 0)
        case .finished: transfer = nil
        case nil: break
        }
      } catch {
        transfer = nil
      }
    } catch {
      endpoint.handleMalformed(datagram.span, error, at: now)
    }
  }

  private mutating func note(_ reception: Reception) {
    switch reception {
    case .response(let id), .reset(let id): close(id)
    case .acknowledged(let id), .notification(let id), .challenged(let id):
      precondition(open.contains(id), "nothing is told of an exchange that is over")
    case .ignored: break
    }
  }

  private mutating func close(_ id: ExchangeID) {
    precondition(open.contains(id), "an exchange ends once")
    open.removeAll { $0 == id }
  }

  /// Sends what is due and takes the events.
  private mutating func settle() {
    for round in 0... {
      precondition(round < 100, "sending comes to an end")
      var datagram: [UInt8] = []
      guard
        endpoint.pollTransmit(
          at: now,
          { bytes in for index in bytes.indices { datagram.append(bytes[index]) } }
        ) != nil
      else { break }
      precondition(datagram.count >= 4 && datagram.count <= 96, "a datagram fits its slot")
      let isMessage = (try? MessageView(datagram.span).count) == datagram.count
      precondition(isMessage, "what is sent is a message")
      last = datagram
    }
    while let event = endpoint.pollEvent() {
      switch event {
      case .timedOut(let id), .concluded(let id): close(id)
      case .stale(let id):
        precondition(open.contains(id), "an observation that is over is not stale")
      }
    }
  }

  /// Lets time pass until nothing is under way: observations are cancelled first.
  private mutating func finish() {
    for id in open where (try? endpoint.cancelObservation(id)) != nil {}
    for round in 0... {
      precondition(round < 1_000, "waiting comes to an end")
      settle()
      guard let deadline = endpoint.pollTimeout() else { break }
      precondition(deadline > now, "a deadline that was handled lies in the future")
      now = deadline
      endpoint.handleTimeout(at: now)
    }
    precondition(open.isEmpty, "every exchange ends")
    precondition(endpoint.isIdle, "an endpoint without exchanges is idle")
  }
}

extension [ExchangeID] {
  fileprivate func randomElement(_ value: UInt8) -> ExchangeID? {
    isEmpty ? nil : self[Int(value) % count]
  }
}

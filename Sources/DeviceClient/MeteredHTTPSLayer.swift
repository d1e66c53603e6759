// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import HTTPSLayer
internal import TrafficLedger

/// A layer whose requests are counted, and told in words.
///
/// TLS and TCP are not in these counts; the ledger has all from the channel itself.
struct MeteredHTTPSLayer<Layer: HTTPSLayer & ~Copyable>: ~Copyable {
  private var layer: Layer
  private let meter: PacketMeter
  private let host: Int
  private let show: (@Sendable (MessageDirection, String) -> Void)?
  private let authentication: PacketKind
  private let mask: AnswerMask?
  private var heldCount = 0
  /// The beginning of the body that the layer holds, if requests are shown.
  private var heldStart: [UInt8] = []
  private var kind = PacketKind.other
  private var size = 0
  private var isUnderWay = false

  /// `host` is the length of the field Host, `authentication` what a request without a token counts as; `mask` is
  /// told of tokens.
  init(
    _ layer: consuming Layer,
    _ meter: PacketMeter,
    host: Int,
    authentication: PacketKind = .connection,
    mask: AnswerMask? = nil,
    show: (@Sendable (MessageDirection, String) -> Void)?
  ) {
    self.authentication = authentication
    self.mask = mask
    self.layer = layer
    self.meter = meter
    self.host = host
    self.show = show
  }

  /// Counts a request that has begun.
  private mutating func note(
    _ request: borrowing @_addressable HTTPSRequest,
    _ count: Int,
    _ start: [UInt8]
  ) {
    kind = request.password.isEmpty ? authentication : .other
    size = request.size(host: host, body: count)
    isUnderWay = true
    if !request.password.isEmpty { mask?.note(token: request.password.bytes) }
    if let show {
      let path = Readable.text(request.path.bytes.array)
      show(.sent, "POST \(path), a body of \(count) B\(Self.inside(start, of: count))")
    }
  }

  /// What is inside a body, without signature and token, behind a colon; nothing of an empty one.
  private static func inside(_ bytes: [UInt8], of count: Int) -> String {
    if bytes.isEmpty { return "" }
    let text = withoutCredentials(Readable.text(Array(bytes.prefix(shown))))
    return ": " + text + (count > shown ? "…" : "")
  }

  /// The text of an authentication's request or answer without the values of `sign` and of tokens, wherever they stand.
  private static func withoutCredentials(_ text: String) -> String {
    var masked = text.replacing(/(\bsign(?:"\s*:\s*"|=))[^"&]*/) { $0.1 + "…" }
    for match in text.matches(of: /"(?:iotT|t)oken"\s*:\s*"((?:[^"\\]|\\.)+)/) {
      masked = masked.replacing(match.1, with: "…")
    }
    return masked
  }

  /// How many bytes of a body are shown.
  private static var shown: Int { 1_024 }

  /// What the head says beside its status that concerns a device.
  private var fields: String {
    var text = ""
    let head = layer.head
    if !head.retryAfter.isEmpty {
      text += ", Retry-After \(Readable.text(head.retryAfter.bytes.array))"
    }
    if !head.date.isEmpty { text += ", Date \(Readable.text(head.date.bytes.array))" }
    return text
  }

  /// Counts a request that has ended, each time that it was sent.
  ///
  /// The layer repeats one whose connection turns out to be closed. One that is given up counts as well, for the server
  /// may have it, but not one that never had a connection.
  private mutating func countSends() {
    guard isUnderWay else { return }
    isUnderWay = false
    let sends = layer.sends
    guard sends > 0 else { return }
    for number in 0..<sends {
      meter.send(
        size,
        kind,
        for: number == 0 ? .report : .retransmission
      )
    }
    switch kind {
    case .connection, .token: meter.noteConnect(kind)
    case .other: meter.notePublish()
    }
  }
}

extension MeteredHTTPSLayer: HTTPSLayer where Layer: ~Copyable {
  mutating func hold(_ body: Span<UInt8>) -> Bool {
    heldCount = body.count
    heldStart = show == nil ? [] : body.extracting(first: Self.shown).array
    return layer.hold(body)
  }

  mutating func begin(_ request: borrowing @_addressable HTTPSRequest) -> Bool {
    guard layer.begin(request) else { return false }
    note(request, heldCount, heldStart)
    return true
  }

  mutating func begin(
    _ request: borrowing @_addressable HTTPSRequest,
    body: Span<UInt8>
  ) -> Bool {
    guard layer.begin(request, body: body) else { return false }
    note(request, body.count, show == nil ? [] : body.extracting(first: Self.shown).array)
    return true
  }

  mutating func cancel() {
    countSends()
    layer.cancel()
  }

  mutating func close() {
    countSends()
    layer.close()
  }

  mutating func pollEvent() -> HTTPSLayerEvent? {
    guard let event = layer.pollEvent() else { return nil }
    countSends()
    switch event {
    case .answered:
      meter.receive(layer.head.size, kind, for: .answer)
      switch kind {
      case .connection, .token: meter.noteConnack(isAccepted: layer.head.status == 200)
      case .other: meter.notePuback()
      }
      if let show {
        let body = layer.body.array
        let inside = Self.inside(mask?.apply(to: body) ?? body, of: body.count)
        show(
          .received,
          "HTTP status \(layer.head.status)\(fields), a body of \(body.count) B\(inside)"
        )
      }
    case .failed(let failure, _): show?(.received, "nothing: \(failure)")
    }
    return event
  }

  var descriptor: Int32 { layer.descriptor }
  var sends: Int { layer.sends }
  var head: HTTPSAnswerHead { layer.head }

  var body: Span<UInt8> {
    @_lifetime(borrow self)
    get { layer.body }
  }
}

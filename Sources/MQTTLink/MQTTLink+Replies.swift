// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ConstrainedCore
internal import MQTTLayer
internal import PayloadCoding
internal import Platform
internal import ReportLink

/// The replies to reports of the thing model, by which the platform refuses what it has acknowledged (device guide 4
/// to 6).
extension MQTTLink where Layer: ~Copyable {
  /// Asks for the reply to a report that is about to begin; what it is known by, 0 where none is waited for: on another
  /// topic, without an id, where the subscription is refused or there is no room for it, and while the platform does
  /// not reply.
  mutating func listen(
    toReplyOf payload: Span<UInt8>,
    on topic: Span<UInt8>,
    _ replies: ReplySource
  ) -> UInt64 {
    guard settings.readsReplies, topic.isThingRequest else { return 0 }
    let key = replyKey(payload, on: topic)
    #if !SMALL || GATEWAY
    if replies != .own { return replies == .foreign && !isMute ? key : 0 }
    #endif
    var filter = FixedBytes<160>()
    filter.write { (writer: inout ByteWriter) in
      // A topic has 128 bytes at most.
      try? writer.append(topic)
      try? writer.append("_reply")
    }
    let before = subscriptionCount
    guard key != 0, !isMute,
      let index = try? subscribe(to: filter.bytes, quality: .atMostOnce)
    else { return 0 }
    if subscriptionCount != before { subscriptions[index].isForReplies = true }
    switch subscriptions[index].phase {
    case .refused: return 0
    // A platform that has lost the session would have lost that as well.
    case .wanted, .granted: if connection != .connected { _ = ask(for: index) }
    case .free, .asked, .leaving: break
    }
    return key
  }

  private var subscriptionCount: Int {
    var count = 0
    for index in 0..<32 where subscriptions[index].phase != .free { count += 1 }
    return count
  }

  /// Takes a message that is the reply to a report, which then ends; whether it is nothing for the owner.
  mutating func takeReply() -> Bool {
    guard settings.readsReplies, layer.topic.isReply else { return false }
    let key = replyKey(layer.payload, on: layer.topic.extracting(0..<layer.topic.count - 6))
    let code = replyCode(layer.payload)
    for index in 0..<16 where key != 0 && reports[index].replyKey == key {
      guard reports[index].phase == .underWay || reports[index].phase == .acknowledged else {
        continue
      }
      end(index, code: code)
      #if !SMALL || GATEWAY
      isMute = false
      #endif
    }
    for index in 0..<32 where subscriptions[index].isForReplies {
      guard subscriptions[index].phase != .free,
        subscriptions[index].filter.bytes.isEqual(to: layer.topic)
      else { continue }
      isMute = false
      return true
    }
    return false
  }

  /// Ends a report with the code of its reply; one without a code accepts it, as over CoAP.
  private mutating func end(_ index: Int, code: AlinkCode?) {
    var verdict = ReportVerdict.delivered
    if let code, !code.isSuccess {
      reports[index].replyCode = code.rawValue
      let isPutOff = PlatformReply.putsOff(code: UInt32(clamping: code.rawValue))
      verdict = isPutOff ? .later : .final
    }
    reports[index].phase = .ended(ReportEnding(verdict, wasSent: true))
  }

  /// Ends acknowledged reports whose reply does not come.
  mutating func expireReplies() {
    for index in 0..<16 where reports[index].phase == .acknowledged {
      guard now >= reports[index].deadline else { continue }
      isMute = true
      end(index, code: nil)
    }
  }

  /// When the next of them is due.
  var replyDeadline: Instant? {
    var earliest: Instant?
    for index in 0..<16 where reports[index].phase == .acknowledged {
      earliest = earlier(earliest, reports[index].deadline)
    }
    return earliest
  }

  /// The code of the reply that refused or put off a report which has ended, until the next report begins.
  public func replyCode(of id: UInt64) -> UInt64? {
    for index in 0..<16 where reports[index].id == id && reports[index].replyCode != 0 {
      return reports[index].replyCode
    }
    return nil
  }

  private func replyCode(_ message: Span<UInt8>) -> AlinkCode? {
    (try? AlinkMessageView<JSONReader>(message))?.code
  }

  /// What a request and its reply have in common: a hash of the request's topic and the digits of its id; 0 without an
  /// id.
  private func replyKey(_ message: Span<UInt8>, on topic: Span<UInt8>) -> UInt64 {
    guard let range = (try? AlinkMessageView<JSONReader>(message))?.idRange else { return 0 }
    var hash = FNVHash()
    hash.add(topic)
    // An id is a number or a text.
    for index in range where message[index] != UInt8(ascii: "\"") { hash.add(message[index]) }
    return hash.value
  }
}

extension Span where Element == UInt8 {
  /// Whether a topic ends as those of replies do.
  fileprivate var isReply: Bool {
    count > 6 && extracting(count - 6..<count).isEqual(to: "_reply")
  }

  /// Whether this is a topic `/sys/PK/DN/thing/…` of a request, whose reply comes with `_reply` behind it.
  fileprivate var isThingRequest: Bool {
    guard count > 6, extracting(0..<5).isEqual(to: "/sys/"), !isReply else { return false }
    var start = 5
    for _ in 0..<2 {
      while start < count, self[start] != UInt8(ascii: "/") { start += 1 }
      start += 1
    }
    return count > start + 6 && extracting(start..<start + 6).isEqual(to: "thing/")
  }
}

/// How the replies to a report come.
enum ReplySource {
  /// By a subscription of the link's own.
  case own
  #if !SMALL || GATEWAY
  /// By the subscription of whoever begins the report, which is another device's.
  case foreign
  /// Not at all.
  case none
  #endif
}

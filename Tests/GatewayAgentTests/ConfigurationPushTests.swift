// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Testing

@Suite(
  "What becomes of a configuration that is offered, on a virtual clock (device guide 6.7 and 6.12)"
)
struct ConfigurationPushTests {
  private let start = Instant(milliseconds: 1_000)

  private func offer(
    _ digit: Character,
    size: Int = 10,
    url: String = "https://h/f"
  ) throws -> FileOffer {
    let json =
      #"{"configId":"c1","configSize":\#(size),"sign":"\#(String(repeating: digit, count: 64))","#
      + #""signMethod":"Sha256","url":"\#(url)","getType":"file"}"#
    let bytes = Array(json.utf8)
    return try FileOffer(configuration: JSONReader(received: bytes.span))
  }

  private func take(
    _ push: inout ConfigurationPush,
    _ offer: FileOffer,
    at now: Instant
  ) -> ConfigurationDecision {
    push.take(offer, limit: 100, at: now)
  }

  /// The same after a restart.
  private func restarted(_ push: ConfigurationPush) throws -> ConfigurationPush {
    var bytes = [UInt8](repeating: 0xA5, count: 1_600)
    var writer = ByteWriter(bytes.mutableSpan)
    try push.writeState(into: &writer)
    let count = writer.count
    return ConfigurationPush(kept: bytes.span.extracting(0..<count))
  }

  @Test func `it is fetched, handed over, and no news after that, over restarts too`() throws {
    var push = ConfigurationPush()
    #expect(push.deadline == nil)
    #expect(take(&push, try offer("a"), at: start) == .start)
    #expect(push.wantsFile(at: start) && !push.wantsTaker(at: start))
    push = try restarted(push)
    #expect(push.wantsFile(at: start) && push.size == 10)
    push.fetched(at: start)
    push = try restarted(push)
    #expect(!push.wantsFile(at: start) && push.wantsTaker(at: start))
    push.taken()
    push = try restarted(push)
    #expect(push.deadline == nil)
    #expect(take(&push, try offer("a"), at: start) == .known)
    #expect(take(&push, try offer("b"), at: start) == .start)
    #expect(push.wantsFile(at: start))
  }

  @Test func `what becomes of the file that was handed over says nothing of one offered since`()
    throws
  {
    for isTaken in [true, false] {
      var push = ConfigurationPush()
      #expect(take(&push, try offer("a"), at: start) == .start)
      push.fetched(at: start)
      #expect(take(&push, try offer("b"), at: start) == .start)
      if isTaken { push.taken() } else { push.refused() }
      #expect(push.wantsFile(at: start))
      #expect(push.takerFailed(at: start, random: 0) == nil && push.wantsFile(at: start))
      #expect(take(&push, try offer("b"), at: start) == .goesOn)
    }
  }

  @Test func `another address of the same file goes on, and what is too large is not begun`() throws
  {
    var push = ConfigurationPush()
    #expect(take(&push, try offer("a", size: 101), at: start) == .tooLarge)
    #expect(push.deadline == nil)
    #expect(take(&push, try offer("a"), at: start) == .start)
    #expect(push.fetchFailed(mayPass: true, at: start, random: 0) != nil)
    #expect(!push.wantsFile(at: start))
    #expect(take(&push, try offer("a", url: "https://h/g"), at: start) == .goesOn)
    #expect(push.wantsFile(at: start) && push.url.count == 11)
    push.fetched(at: start)
    #expect(take(&push, try offer("a"), at: start) == .goesOn)
    #expect(push.wantsTaker(at: start))
    // Somebody has removed the file.
    push.lost(at: start)
    #expect(push.wantsFile(at: start))
  }

  @Test func `what fails is tried for about a day, at waits that double up to ten minutes`() throws
  {
    var push = ConfigurationPush()
    var now = start
    #expect(take(&push, try offer("a"), at: now) == .start)
    var waits: [Int64] = []
    while let wait = push.fetchFailed(mayPass: true, at: now, random: 0) {
      waits.append(wait.count)
      #expect(push.deadline == now + wait)
      now = now + wait
      #expect(push.wantsFile(at: now))
    }
    #expect(Array(waits.prefix(8)) == [5, 10, 20, 40, 80, 160, 320, 600].map { $0 * 1_000 })
    #expect(waits.allSatisfy { $0 <= 600_000 })
    #expect((now - start).count > 80_000_000 && (now - start).count < 90_000_000)
    #expect(push.deadline == nil)
    // Up to a half is added.
    #expect(take(&push, try offer("a"), at: now) == .start)
    #expect(push.fetchFailed(mayPass: true, at: now, random: .max)?.count == 7_499)
    // What cannot pass ends at once; offered again, it begins again.
    #expect(push.fetchFailed(mayPass: false, at: now, random: 0) == nil)
    #expect(push.deadline == nil)
    #expect(take(&push, try offer("a"), at: now) == .start)
  }

  @Test func `refused is for good, and not now is not`() throws {
    var push = ConfigurationPush()
    #expect(take(&push, try offer("a"), at: start) == .start)
    push.fetched(at: start)
    #expect(push.takerFailed(at: start, random: 0) == Milliseconds(5_000))
    #expect(!push.wantsTaker(at: start) && push.wantsTaker(at: start + Milliseconds(5_000)))
    push.refused()
    #expect(push.deadline == nil)
    #expect(take(&push, try offer("a"), at: start) == .start)
  }

  @Test func `a state that is cut is none, and a changed one never traps`() throws {
    var push = ConfigurationPush()
    #expect(take(&push, try offer("a"), at: start) == .start)
    var bytes = [UInt8](repeating: 0, count: 1_600)
    var writer = ByteWriter(bytes.mutableSpan)
    try push.writeState(into: &writer)
    let count = writer.count
    for length in 0..<count {
      #expect(ConfigurationPush(kept: bytes.span.extracting(0..<length)).deadline == nil)
    }
    for index in 0..<count {
      for bit in 0..<8 {
        var flipped = bytes
        flipped[index] ^= 1 << UInt8(bit)
        _ = ConfigurationPush(kept: flipped.span.extracting(0..<count))
      }
    }
  }
}

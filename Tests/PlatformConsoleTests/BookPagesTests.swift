// SPDX-License-Identifier: Apache-2.0
import PayloadValues
import Testing

@testable import PlatformConsole

@Suite("What a console keeps")
struct BookPagesTests {
  private static func report(_ device: String, _ reading: Double = 20) -> BookEvent {
    var event = BookEvent()
    event.meaning = .report
    event.device = device
    event.readings = [("Temperature", reading)]
    event.message.payload = Array("{}".utf8)
    return event
  }

  private static func pages(
    _ paths: [String] = ["pk/device1", "pk/device2"],
    interval: Int64? = nil,
    _ limits: BookLimits = BookLimits()
  ) -> BookPages {
    BookPages(paths, interval: interval, limits, start: 1_000)
  }

  @Test
  func `Learns how often a device reports, and counts what is missing from half an interval on`()
    throws
  {
    var pages = Self.pages()
    for time in [10_000, 70_000, 130_000, 190_000] as [Int64] {
      pages.note(Self.report("pk/device1"), at: time)
    }
    let device = pages.devices[try #require(pages.index(of: "pk/device1"))]
    #expect(pages.interval(of: device) == 60_000)
    #expect(pages.missing(device, at: 279_000) == 0)
    #expect(pages.missing(device, at: 281_000) == 1)
    #expect(pages.missing(device, at: 341_000) == 2)
    #expect(pages.missing(device, at: 821_000) == 10)
    let silent = pages.devices[try #require(pages.index(of: "pk/device2"))]
    #expect(pages.missing(silent, at: 821_000) == 0)
  }

  @Test func `Reports that go out together are no interval`() throws {
    var pages = Self.pages()
    for start in [10_000, 70_000, 130_000] as [Int64] {
      for place in 0..<5 { pages.note(Self.report("pk/device1"), at: start + Int64(place) * 20) }
    }
    let device = pages.devices[try #require(pages.index(of: "pk/device1"))]
    #expect((59_900...60_000).contains(pages.interval(of: device)))
    #expect(pages.missing(device, at: 140_000) == 0)
  }

  @Test func `Misses the reports of a device that never came, where the interval is known`() throws
  {
    let pages = Self.pages(interval: 10_000)
    let device = pages.devices[try #require(pages.index(of: "pk/device2"))]
    #expect(pages.missing(device, at: 1_000 + 15_500) == 1)
    #expect(pages.missing(device, at: 1_000 + 100_500) == 9)
  }

  @Test func `Misses no more reports than are due before the end`() throws {
    var pages = Self.pages(interval: 10_000)
    pages.end = 1_000 + 50_000
    pages.note(Self.report("pk/device1"), at: 46_000)
    pages.note(Self.report("pk/device2"), at: 18_000)
    let (first, second) = (
      pages.devices[try #require(pages.index(of: "pk/device1"))],
      pages.devices[try #require(pages.index(of: "pk/device2"))]
    )
    #expect(pages.missing(second, at: 44_000) == 2)
    for now in [52_000, 90_000, 900_000] as [Int64] {
      #expect(pages.missing(first, at: now) == 0)
      #expect(pages.missing(second, at: max(now, 54_000)) == 3)
    }
    #expect(
      Diagnosis(first, pages, [:], 90_000).lines == [
        "It has reported every 10 s, and none is missing.",
        "No more reports are due: the time is over.",
      ]
    )
  }

  @Test func `Counts what came, and shows names without characters that control the text`() {
    var pages = Self.pages()
    var refusal = BookEvent()
    refusal.meaning = .refusal
    pages.note(refusal, at: 5_000)
    refusal.isRoundTrip = false
    pages.note(refusal, at: 5_000)
    #expect(pages.devices[0].received == 2 && pages.devices[0].roundTrips == 1)
    let text = "{\"\u{202E}evil\\u0000\\u001b[31m\u{E9}\":1}"
    #expect(
      BookEvent.readings(Array(text.utf8), .json).map(\.name)
        == [#"\u{202e}evil\u{0}\u{1b}[31mé"#]
    )
  }

  @Test
  func `Keeps a device's last messages and values, and drops the oldest of all beyond its bytes`()
    throws
  {
    var limits = BookLimits()
    limits.messages = 3
    limits.values = 2
    limits.bytes = 1_500
    var pages = Self.pages(["pk/device1", "pk/device2"], limits)
    for number in 1...10 { pages.note(Self.report("pk/device1", Double(number)), at: 1_000) }
    let index = try #require(pages.index(of: "pk/device1"))
    #expect(pages.devices[index].messages.map(\.id) == [8, 9, 10])
    #expect(pages.devices[index].series.first?.values == [9, 10])
    #expect(pages.devices[index].reports == 10)
    for _ in 1...3 { pages.note(Self.report("pk/device2"), at: 1_000) }
    #expect(pages.bytes <= limits.bytes)
    #expect(pages.devices[index].messages.first?.id == 9)
    let kept = pages.devices.reduce(0) { $0 + $1.messages.count }
    #expect(kept == pages.kept)
    #expect(
      pages.bytes
        == pages.devices.reduce(0) { sum, device in
          sum + device.messages.reduce(0) { $0 + $1.cost }
        }
    )
  }

  @Test func `Stays within its bytes for a long time`() {
    var limits = BookLimits()
    limits.bytes = 20_000
    limits.messages = 5
    let paths = (0..<50).map { "pk/device\($0)" }
    var pages = BookPages(paths, interval: nil, limits, start: 0)
    for number in 0..<20_000 {
      pages.note(Self.report(paths[(number * 7 + number / 11) % 50]), at: Int64(number))
    }
    #expect(pages.bytes <= limits.bytes)
    #expect(pages.kept == pages.devices.reduce(0) { $0 + $1.messages.count })
    #expect(pages.devices.allSatisfy { $0.messages.count <= 5 })
  }

  @Test func `Follows no more devices than its limit, and lets nobody be added by a claim`() {
    var limits = BookLimits()
    limits.devices = 2
    var pages = Self.pages(["pk/a", "pk/b", "pk/c"], limits)
    #expect(pages.devices.map(\.path) == ["", "pk/a", "pk/b"])
    pages.note(Self.report("pk/c"), at: 1_000)
    #expect(pages.devices.count == 3)
    #expect(pages.strangers == 2)
    limits.devices = 9
    pages = Self.pages(["pk/a"], limits)
    var claim = BookEvent()
    claim.meaning = .refusal
    claim.device = "pk/zzz"
    claim.isClaimed = true
    pages.note(claim, at: 1_000)
    #expect(pages.devices.count == 2)
    #expect(pages.devices[0].refusals == 1)
  }

  @Test func `Gives a reader each device that has changed, the earliest first, a part at a time`() {
    var pages = Self.pages(["pk/a", "pk/b", "pk/c"])
    for path in ["pk/c", "pk/a", "pk/b", "pk/c"] { pages.note(Self.report(path), at: 1_000) }
    let first = pages.changes(since: 0, limit: 2)
    #expect(first.indexes == [1, 2])
    #expect(first.version == 3)
    let second = pages.changes(since: first.version, limit: 2)
    #expect(second.indexes == [3])
    #expect(pages.changes(since: second.version, limit: 2).indexes.isEmpty)
  }

  @Test
  func `Reads numbers from the guide's properties, from plain members and from a number alone`() {
    func names(_ text: String) -> [String] {
      BookEvent.readings(Array(text.utf8), .json).map { "\($0.name)=\($0.value)" }
    }
    let post =
      #"{"id":"1","params":{"T":{"value":21.5,"time":5},"On":{"value":true},"S":{"value":"x"}}}"#
    #expect(names(post) == ["T=21.5", "On=1.0"])
    #expect(names(#"{"id":7,"time":9,"level":3}"#) == ["level=3.0"])
    #expect(names("17") == ["value=17.0"])
    #expect(names("{").isEmpty)
    #expect(names(#"{"params":[1,2]}"#).isEmpty)
  }

  @Test func `Says why a device does not report`() throws {
    var pages = Self.pages()
    let index = try #require(pages.index(of: "pk/device1"))
    func why(_ platform: PayloadValue, _ now: Int64) -> [String] {
      Diagnosis(pages.devices[index], pages, platform, now).lines
    }
    #expect(
      why([:], 61_000) == ["Nothing has come from it since the platform was started 60 s ago."]
    )
    let drop: PayloadValue = ["faults": [["fault": "drop,device=device1", "count": 7]]]
    #expect(
      why(drop, 61_000).last
        == "A fault may touch it: drop,device=device1, which has happened 7 times in all."
    )
    var refusal = BookEvent()
    refusal.meaning = .refusal
    refusal.device = "pk/device1"
    refusal.message.title = "POST /auth"
    refusal.message.outcome = "4.01 Unauthorized"
    refusal.message.note = "the sign does not fit the device secret"
    pages.note(refusal, at: 62_000)
    #expect(
      why([:], 64_000) == [
        "Its last request was refused 2 s ago: POST /auth → 4.01 Unauthorized the sign does not fit the device secret",
        "It has never reported.",
      ]
    )
    #expect(why(["isDisabled": true], 64_000).first?.contains("disabled") == true)
    for time in [70_000, 80_000, 90_000] as [Int64] {
      pages.note(Self.report("pk/device1"), at: time)
    }
    #expect(why([:], 91_000) == ["It reports every 10 s, and none is missing."])
    #expect(
      why([:], 126_000).first
        == "3 reports are missing: it reports every 10 s, and its last came 36 s ago."
    )
  }
}

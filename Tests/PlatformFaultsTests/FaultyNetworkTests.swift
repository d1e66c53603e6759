// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import PlatformFaults
import Testing

@Suite("The network with faults")
struct FaultyNetworkTests {
  private static let start = Instant(milliseconds: 1_000_000)

  private static func network(
    _ text: String,
    seed: UInt64 = 1
  ) throws -> FaultyNetwork<Int> {
    let table = FaultTable(seed: seed)
    for rule in try FaultRule.rules(text) { _ = table.add(rule, at: start) }
    return FaultyNetwork(table)
  }

  /// What arrives by `time`, as the first byte of each datagram, and which address it comes from.
  private static func arrivals(
    _ network: inout FaultyNetwork<Int>,
    by time: Int64
  ) -> [UInt8] {
    var first: [UInt8] = []
    while let arrival = network.poll(at: start + Milliseconds(time)) {
      switch arrival {
      case .up(let bytes, from: _), .down(let bytes, to: _): first.append(bytes[0])
      }
    }
    return first
  }

  @Test func `without faults everything arrives at once and in order`() {
    var network = FaultyNetwork<Int>(FaultTable())
    for byte in 0..<100 { network.receive([UInt8(byte)], from: 1, at: Self.start) }
    #expect(Self.arrivals(&network, by: 0) == Array(0..<100))
    #expect(network.pollTimeout == nil)
  }

  @Test func `a tenth is lost, the same one with the same seed`() throws {
    func run(seed: UInt64) throws -> [UInt8] {
      var network = try Self.network("drop=10%", seed: seed)
      for byte in 0..<200 { network.receive([UInt8(byte)], from: 1, at: Self.start) }
      return Self.arrivals(&network, by: 0)
    }
    let first = try run(seed: 1)
    #expect((160..<200).contains(first.count))
    #expect(try run(seed: 1) == first)
    #expect(try run(seed: 2) != first)
  }

  @Test func `a duplicate comes twice, a delayed one later`() throws {
    var network = try Self.network("duplicate,delay=2s,times=1")
    network.receive([1], from: 1, at: Self.start)
    network.receive([2], from: 1, at: Self.start)
    #expect(Self.arrivals(&network, by: 1_999) == [2])
    #expect(network.pollTimeout == Self.start + Milliseconds(2_000))
    #expect(Self.arrivals(&network, by: 2_000) == [1, 1])
  }

  @Test func `one is passed by the next of its way, or is 2 seconds late`() throws {
    var network = try Self.network("reorder,times=1")
    network.receive([1], from: 1, at: Self.start)
    network.receive([2], from: 2, at: Self.start)
    #expect(Self.arrivals(&network, by: 100) == [2])
    network.receive([3], from: 1, at: Self.start + Milliseconds(200))
    #expect(Self.arrivals(&network, by: 200) == [3, 1])
    var alone = try Self.network("reorder,times=1")
    alone.receive([1], from: 1, at: Self.start)
    #expect(Self.arrivals(&alone, by: 1_999).isEmpty)
    #expect(Self.arrivals(&alone, by: 2_000) == [1])
  }

  @Test func `of those that no other one passes nothing is kept`() throws {
    var network = try Self.network("reorder")
    for number: Int64 in 0..<10_000 {
      network.receive([1], from: 1, at: Self.start + Milliseconds(number * 10))
      while network.poll(at: Self.start + Milliseconds(number * 10)) != nil {}
    }
    let held = Mirror(reflecting: network).descendant("known", 0, "value", "held")
    // Those of the last 2 seconds.
    #expect((held as? any Collection)?.count == 200)
  }

  @Test func `a corrupt one differs by one bit`() throws {
    var network = try Self.network("corrupt")
    let sent = [UInt8](repeating: 0x55, count: 40)
    network.receive(sent, from: 1, at: Self.start)
    guard case .up(let bytes, from: _)? = network.poll(at: Self.start) else {
      Issue.record("nothing arrived")
      return
    }
    let bits = zip(bytes, sent).reduce(0) { $0 + ($1.0 ^ $1.1).nonzeroBitCount }
    #expect(bits == 1 && bytes.count == 40)
  }

  @Test func `a fault has a way, a device, a beginning and an end`() throws {
    var network = try Self.network("drop,way=up,device=device1,after=1,for=1m")
    network.expect("pk/device1", at: 1, since: Self.start)
    network.expect("pk/device2", at: 2, since: Self.start)
    for byte in UInt8(1)...3 {
      network.receive([byte], from: 1, at: Self.start)
      network.receive([byte + 10], from: 2, at: Self.start)
    }
    #expect(Self.arrivals(&network, by: 0) == [1, 11, 12, 13])
    network.receive([4], from: 1, at: Self.start + Milliseconds(60_000))
    #expect(Self.arrivals(&network, by: 60_000) == [4])
  }

  @Test func `NAT gives a silent device another address, and what goes to the old one is lost`()
    throws
  {
    var network = try Self.network("nat=60s")
    network.expect("pk/device1", at: 7, since: Self.start)
    func address(at time: Int64) -> FaultyNetwork<Int>.Address? {
      let now = Self.start + Milliseconds(time)
      network.receive([1], from: 7, at: now)
      guard case .up(_, from: let address)? = network.poll(at: now) else { return nil }
      return address
    }
    let first = try #require(address(at: 0))
    #expect(address(at: 60_000) == first)
    let second = try #require(address(at: 120_001))
    #expect(second != first && second.peer == 7)
    #expect("\(first) \(second)" == "7 7#1")
    network.send([2], to: first, at: Self.start + Milliseconds(120_001))
    #expect(Self.arrivals(&network, by: 120_001).isEmpty)
    #expect(network.lost == 1)
    network.rebind("*/other")
    #expect(address(at: 120_002)?.binding == 1)
    network.rebind("*/device1")
    #expect(address(at: 120_003)?.binding == 2)
  }

  @Test func `a radio delays and loses`() {
    var network = FaultyNetwork<Int>(FaultTable(), coverage: 2)
    for byte in 0..<200 { network.receive([UInt8(byte)], from: 1, at: Self.start) }
    #expect(Self.arrivals(&network, by: 0).isEmpty)
    let arrived = Self.arrivals(&network, by: 300_000)
    // 6 % each way; see RadioModel.
    #expect((170..<200).contains(arrived.count) && arrived != arrived.sorted())
  }
}

@Suite("The table of faults")
struct FaultTableTests {
  private let now = Instant(milliseconds: 1_000)

  private func answers(_ table: FaultTable, _ topic: String, _ device: String? = "pk/a") -> [Int] {
    (0..<5).map { _ in
      table.answer(to: .report, takesCodes: false, device: device, topic: topic, at: now)?.status
        ?? 0
    }
  }

  @Test func `an answer fails after some requests, so many times`() throws {
    let table = FaultTable()
    _ = table.add(try FaultRule.rules("answer=4.01,after=1,times=2")[0], at: now)
    #expect(answers(table, "/t") == [0, 401, 401, 0, 0])
    table.removeEnded(at: now)
    #expect(table.entries.isEmpty)
  }

  @Test func `an answer has a topic, a device and a kind`() throws {
    let table = FaultTable()
    _ = table.add(try FaultRule.rules("answer=5.00,topic=/sys/*/post,device=a")[0], at: now)
    #expect(answers(table, "/sys/x/post")[0] == 500)
    #expect(answers(table, "/sys/x/posted")[0] == 0)
    #expect(answers(table, "/sys/x/post", "pk/b")[0] == 0)
    #expect(answers(table, "/sys/x/post", nil)[0] == 0)
    table.removeAll()
    _ = table.add(try FaultRule.rules("answer=5.00,on=auth")[0], at: now)
    #expect(answers(table, "/sys/x/post")[0] == 0)
    _ = table.add(try FaultRule.rules("answer=30001")[0], at: now)
    #expect(answers(table, "/sys/x/post")[0] == 0)
  }

  @Test func `what happens once leaves nothing but a restart's silence, and a clock that is ahead`()
    throws
  {
    let table = FaultTable()
    for text in ["forget", "clock=1h"] {
      #expect(table.add(try FaultRule.rules(text)[0], at: now) == 0)
    }
    #expect(table.entries.isEmpty && table.clockOffset == Milliseconds(3_600_000))
    _ = table.add(try FaultRule.rules("restart=10s")[0], at: now)
    #expect(table.entries.map(\.rule.description) == ["drop=100%,for=10s"])
    #expect(table.entries.map(\.description) == ["restart=10s"])
    #expect(table.remove(1))
    #expect(!table.remove(1))
  }

  @Test func `a table is bounded`() {
    let table = FaultTable()
    for _ in 0..<FaultTable.limit { #expect(table.add(FaultRule(.drop), at: now) != nil) }
    #expect(table.add(FaultRule(.drop), at: now) == nil)
  }
}

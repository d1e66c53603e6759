// SPDX-License-Identifier: Apache-2.0
internal import CHeap
internal import CoAPLink
public import ConstrainedCore
internal import Glibc
internal import PlatformCore
public import PlatformFaults
public import PlatformSimulator
internal import RadioModel
internal import SystemClocks

/// Runs a fleet against the simulated platform, in simulated time or in real time.
public final class FleetRun {
  /// How far a run is.
  public struct Progress: Sendable {
    /// Time since the start.
    public var time = Milliseconds(0)
    /// Reports that were acknowledged.
    public var delivered = 0
    /// Reports that wait.
    public var waiting = 0
    /// Devices that are authenticated, or were.
    public var authenticated = 0
  }

  private let plan: FleetPlan
  /// Not a part of what each device holds.
  private let shared = FleetShare(RadioModel())
  /// The numbers of the devices.
  private let numbers: [Int]
  /// The platform in this process; `nil` where it is another program.
  private var world: FleetWorld?
  private var sockets: FleetSockets?
  private var devices: [FleetDevice] = []
  private var records: [PlatformRecord]
  private var queue = WakeQueue()
  private var scratch = FleetScratch()
  private var platformWake: Instant?
  private var now: Instant
  private let start: Instant
  private var steps: ArraySlice<FleetScenario.Step>
  /// The devices that have something to do still.
  private var busy = 0
  private var peaks = BusiestTimes()
  private let onRecord: ((RequestRecord, FleetIdentity?) -> Void)?

  /// Makes the devices, and the platform that knows them.
  ///
  /// `onRecord` is told of each request that the platform in this process gets, and whose it is.
  public init(
    _ plan: FleetPlan,
    onRecord: ((RequestRecord, FleetIdentity?) -> Void)? = nil
  ) throws(FleetError) {
    self.onRecord = onRecord
    start = plan.isVirtual ? Instant(milliseconds: 1_000_000) : MonotonicClock.now()
    var dated = plan
    if !plan.isVirtual { dated.date = Int64(clamping: WallClock.milliseconds()) }
    dated.date -= start.milliseconds
    self.plan = dated
    now = start
    precondition(plan.endpoint == nil || !plan.isVirtual, "other programs have real time")
    steps = plan.scenario.steps[...]
    numbers = plan.numbers
    if plan.endpoint == nil { world = try FleetWorld(plan, at: start) }
    let authority = world?.authority ?? []
    records = Array(repeating: PlatformRecord(), count: numbers.count)
    devices.reserveCapacity(numbers.count)
    for number in numbers {
      devices.append(
        try FleetDevice(number, plan, shared, authority: authority, at: start)
      )
    }
    if let endpoint = plan.endpoint {
      sockets = try FleetSockets(endpoint, count: devices.count)
    }
    // A device that makes no reports at all is done from the start.
    busy = devices.count { !$0.isDone }
    for index in devices.indices { step(index) }
  }

  /// How many devices start after the time of the reports, and make none.
  public var idleDevices: Int { devices.count { $0.total == 0 } }

  /// Runs until all reports are delivered, or the time for that is over, or `isInterrupted` says so; once.
  ///
  /// `report` is called now and then; what it is given adds all devices up.
  public func run(
    isInterrupted: () -> Bool,
    report: (() -> Progress) -> Void
  ) -> FleetSummary {
    let began = MonotonicClock.now()
    let cpu = Self.processorTime()
    let end = start + plan.duration + plan.settling
    var count = 0
    while busy > 0 || now < start + plan.duration {
      count += 1
      if count % 4_096 == 0 || !plan.isVirtual {
        if isInterrupted() { break }
        if count % 65_536 == 0 || !plan.isVirtual { report { progress } }
      }
      guard let next = nextTime, next <= end else {
        now = min(end, max(now, start + plan.duration))
        break
      }
      if plan.isVirtual {
        now = max(now, next)
      } else {
        // In slices, so that an interruption is seen.
        let time = MonotonicClock.now()
        wait(for: Milliseconds(max(0, min((next - time).count, 200))))
        if now > end { break }
      }
      process()
    }
    report { progress }
    var summary = makeSummary()
    summary.cost.cpu = Self.processorTime() - cpu
    summary.cost.wall = Double((MonotonicClock.now() - began).count) / 1_000
    return summary
  }

  // MARK: Faults

  /// Adds faults while it runs; their numbers, without those of faults that are over at once.
  ///
  /// The platforms of both protections get them under the same numbers. `nil`, and nothing is added, if there are too
  /// many.
  @discardableResult
  public func add(_ rules: [FaultRule]) -> [Int]? {
    guard let numbers = world?.add(rules, at: now) else { return nil }
    platformWake = world?.pollTimeout() ?? platformWake
    return numbers
  }

  /// The faults in force, each with how often it has happened on either platform.
  public func faults() -> [(entry: FaultTable.Entry, count: Int)] { world?.faults(at: now) ?? [] }

  /// Removes a fault, or all of them; `false` if there is none with that number.
  public func removeFault(_ id: Int?) -> Bool { world?.removeFault(id) ?? false }

  /// The run's own time, which the ends of faults refer to.
  public var time: Instant { now }

  // MARK: Time

  private var nextTime: Instant? {
    var next = earlier(queue.first, platformWake)
    if let step = steps.first { next = earlier(next, start + step.time) }
    return next
  }

  private func process() {
    while let step = steps.first, start + step.time <= now {
      steps.removeFirst()
      add(step.rules)
    }
    servePlatform()
    // A device's datagram may be answered at once; that answer is on its way for some time.
    while let index = queue.removeFirst(by: now) {
      guard devices[index].wake <= now else { continue }
      step(index)
    }
  }

  private func step(_ index: Int) {
    let device = devices[index]
    let wasDone = device.isDone
    scratch.up.removeAll(keepingCapacity: true)
    device.step(plan, at: now, &scratch)
    if !wasDone, device.isDone { busy -= 1 }
    queue.add(index, at: device.wake)
    guard !scratch.up.isEmpty else { return }
    if let sockets {
      for bytes in scratch.up { sockets.send(bytes, from: index) }
      return
    }
    for bytes in scratch.up { world?.receive(bytes, from: index, device.security, at: now) }
    platformWake = now
    servePlatform()
  }

  private func servePlatform() {
    guard let wake = platformWake, wake <= now else { return }
    let output = world?.handleTimeout(at: now) ?? FleetWorld.Output()
    for record in output.records { note(record) }
    for (index, bytes) in output.datagrams { deliver(bytes, to: index) }
    platformWake = world?.pollTimeout()
  }

  private func deliver(_ bytes: [UInt8], to index: Int) {
    let device = devices[index]
    device.deliver(bytes, at: now)
    guard let arrival = device.radio.nextArrival, arrival < device.wake else { return }
    device.wake = max(arrival, now)
    queue.add(index, at: device.wake)
  }

  /// Lets real time pass, and takes what comes from a platform in another program.
  private func wait(for time: Milliseconds) {
    guard let sockets else {
      if time > Milliseconds(0) { usleep(UInt32(time.count) * 1_000) }
      now = MonotonicClock.now()
      return
    }
    sockets.receive(for: time) { index, bytes in
      now = MonotonicClock.now()
      deliver(bytes, to: index)
    }
    now = MonotonicClock.now()
  }

  // MARK: The platform's record

  private func note(_ record: RequestRecord) {
    if let onRecord {
      let index = Int(record.peer.prefix { $0 != "#" })
      let number = index.flatMap { numbers.indices.contains($0) ? numbers[$0] : nil }
      onRecord(record, number.map { plan.identity(of: $0) })
    }
    if record.kind == .authentication {
      peaks.add(at: (now - start).count / 1_000)
      return
    }
    guard record.isAcceptedReport, record.replyCode.map({ $0.rawValue == 200 }) ?? true,
      let index = Int(record.peer.prefix { $0 != "#" }), devices.indices.contains(index),
      let number = plan.template.number(in: record.payload, of: devices[index].name)
    else { return }
    records[index].add(number)
  }

  private var progress: Progress {
    var progress = Progress()
    progress.time = now - start
    for device in devices {
      progress.delivered += device.delivered
      progress.waiting += device.waiting
      if device.counters.authentications > 0 { progress.authenticated += 1 }
    }
    return progress
  }

  private func makeSummary() -> FleetSummary {
    var summary = FleetSummary()
    summary.scenario = plan.scenario.name
    summary.expectations = plan.scenario.expectations
    summary.settings = plan.settings
    summary.partCount = plan.shard.count
    summary.parts = [plan.shard.number]
    summary.seed = plan.seed
    summary.devices = devices.count
    summary.interval = plan.interval
    summary.duration = now - start
    summary.times = scratch.times
    summary.authenticationPeak = peaks.second
    summary.authenticationMinute = peaks.minute
    for (index, device) in devices.enumerated() {
      // The same for each shard, however long others took.
      device.finish(at: min(now, start + plan.duration))
      summary.security[device.security, default: 0] += 1
      summary.radio[device.coverage, default: 0] += 1
      summary.reports += device.made
      summary.delivered += device.delivered
      summary.refused += device.refusals.count
      summary.waiting += device.waiting
      let counters = device.counters
      if counters.authentications > 0 { summary.authenticated += 1 }
      summary.requests += counters.requests
      summary.retransmissions += counters.transmissions - counters.requests
      summary.authentications += counters.authentications
      summary.handshakes += counters.handshakes
      summary.resumptions += counters.resumptions
      summary.datagramsUp += counters.datagramsUp
      summary.bytesUp += counters.bytesUp
      summary.datagramsDown += counters.datagramsDown
      summary.bytesDown += counters.bytesDown
      summary.energy += device.radio.meter.account.energy
      summary.taken += records[index].count
      summary.doubles += records[index].doubles
      // Those that are not there, but for those that the device knows to be refused.
      let absent = device.done - records[index].count(upTo: device.done)
      let known = device.refusals.count { !records[index].contains(Int($0)) }
      summary.lost += absent - known
    }
    summary.isRecorded = world != nil
    if !summary.isRecorded { (summary.taken, summary.doubles, summary.lost) = (0, 0, 0) }
    summary.cost.process = Self.residentMemory()
    let held = Int(nbiot_heap_in_use())
    devices = []
    queue = WakeQueue()
    summary.cost.devices = max(0, held - Int(nbiot_heap_in_use()))
    return summary
  }

  // MARK: The machine

  /// The process's memory in bytes; 0 where the system does not say.
  private static func residentMemory() -> Int {
    guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var text = [CChar](repeating: 0, count: 128)
    guard unsafe fgets(&text, Int32(text.count), file) != nil else { return 0 }
    let words = String(
      decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) },
      as: UTF8.self
    )
    .split(separator: " ")
    return words.count > 1 ? (Int(words[1]) ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE))) : 0
  }

  /// The processor's time for this process, in seconds.
  private static func processorTime() -> Double {
    var usage = rusage()
    // SAFETY: fills a local value.
    guard unsafe getrusage(RUSAGE_SELF.rawValue, &usage) == 0 else { return 0 }
    let seconds = Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    return seconds + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1_000_000
  }
}

/// How many happened in the busiest second, and in the busiest 60.
struct BusiestTimes {
  /// In the busiest second.
  private(set) var second = 0
  /// In the busiest 60 seconds.
  private(set) var minute = 0
  private var counts = [Int](repeating: 0, count: 60)
  private var sum = 0
  private var last: Int64 = 0

  /// Counts one in that second, which is not before the last one.
  mutating func add(at time: Int64) {
    while last < time {
      // After a minute without any, all are 0.
      if sum == 0 { last = time } else { last += 1 }
      let index = Int(last % 60)
      sum -= counts[index]
      counts[index] = 0
    }
    counts[Int(time % 60)] += 1
    sum += 1
    second = max(second, counts[Int(time % 60)])
    minute = max(minute, sum)
  }
}

/// Which device is to be woken next: a binary heap in the order of time, then of numbers.
///
/// A device may be in it several times; `FleetDevice.wake` says whether there is something to do.
struct WakeQueue {
  private var entries: [(time: Int64, index: Int)] = []

  /// The time of the first.
  var first: Instant? { entries.first.map { Instant(milliseconds: $0.time) } }

  mutating func add(_ index: Int, at time: Instant) {
    guard time.milliseconds < .max else { return }
    entries.append((time.milliseconds, index))
    var child = entries.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard entries[child] < entries[parent] else { return }
      entries.swapAt(child, parent)
      child = parent
    }
  }

  /// The first one, if its time has come by `now`.
  mutating func removeFirst(by now: Instant) -> Int? {
    guard let first = entries.first, first.time <= now.milliseconds else { return nil }
    let last = entries.removeLast()
    guard !entries.isEmpty else { return first.index }
    entries[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < entries.count && entries[child] < entries[least] { least = child }
      guard least != parent else { return first.index }
      entries.swapAt(parent, least)
      parent = least
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient
internal import DeviceStore
internal import DurableReports
internal import FoundationEssentials
internal import GatewayLink
internal import GatewaySessions
internal import Glibc
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import PlatformMQTT
internal import Synchronization
internal import SystemClocks

/// `nbiot gateway run`.
struct GatewayRunCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract:
      "Keeps sub-devices online, reports what standard input has for them, and prints their requests.",
    usage: """
      nbiot gateway run DEVICES --config agent.conf [--outbox DIRECTORY]
        [options]
      """,
    discussion: """
      Example: a list of sub-devices, and two readings:
        printf 'a1SubProduct,meter%s,meter%s.secret\\n' 1 1 2 2 > meters.txt
        printf 'a1SubProduct/meter%s\\tuser/update\\t{"kWh":%s}\\n' 1 12 2 7 \\
          | nbiot gateway run meters.txt --outbox outbox \\
            --endpoint 127.0.0.1:8883 --ca-file certificates/ca.pem \\
            --config agent.conf

      DEVICES is a file with PRODUCTKEY,DEVICENAME,SECRETFILE a line, # before a remark, file names relative to it; or a \
      directory with a file PRODUCTKEY,DEVICENAME for each, which holds the secret. Each must be in the gateway's \
      topology: nbiot gateway add.

      A line of standard input is PRODUCTKEY/DEVICENAME, a tab, a topic, a tab and the payload, as nbiot-gateway takes it. \
      A topic from / on is one of that sub-device; user/NAME stands for /PRODUCTKEY/DEVICENAME/user/NAME, and thing/NAME \
      for /sys/PRODUCTKEY/DEVICENAME/thing/NAME. Without a topic and its tab it is that of the configuration, else the \
      report of properties; a line of a payload alone is the gateway's own. Each line gets a result, in the order in \
      which they end.

      A report waits for its sub-device's login, and one that cannot log in holds up nobody. With --outbox reports are \
      kept on disk until the platform has them, also over a restart and a power failure; without it they are gone with \
      the program. After a lost connection all sub-devices log in again, spread over time: 1,500 take half a minute, each \
      logs in five times a minute at most (device guide 5).

      It ends when standard input has ended and nothing waits any more, or waits for --max-wait seconds in vain; with \
      --stay not before Ctrl-C. Requests of the platform are printed and answered as by nbiot listen.

      Exit status: 0 all reports are with the platform, 1 some are not, or a request was not answered, 2 usage, 3 the \
      gateway was refused, 4 the platform never answered, 5 standard output cannot be written, 6 another device has the \
      gateway's identity; 130 and 143 ended by Ctrl-C and SIGTERM.
      """
  )

  @Argument(help: "The file or directory with the sub-devices.", completion: .file())
  var devices: String

  @OptionGroup var options: GatewayOptions

  @Option(
    help: ArgumentHelp(
      "The directory in which reports wait, mode 700; it is made if it is not there.",
      valueName: "directory"
    ),
    completion: .directory
  )
  var outbox: String?

  @Option(
    help: ArgumentHelp(
      "How long reports that cannot be delivered are waited for after the end of standard input.",
      valueName: "seconds"
    )
  )
  var maxWait: UInt32 = 300

  @Flag(help: "Stay online after the end of standard input.")
  var stay = false

  @OptionGroup var answers: ListenAnswerOptions

  @OptionGroup var output: OutputOption

  func run() async throws {
    let arguments = try SubDeviceArgument.read(devices)
    let place = try GatewayOutbox(outbox)
    defer { place.remove() }
    let board = GatewayBoard(output.form)
    var settings = GatewayClientSettings()
    settings.outbox = place.path
    settings.durable.outbox.maxBytes = 0x100_0000
    // Results are told by PUBACKs: replies would be a message more for each report.
    settings.link.readsReplies = false
    settings.onEvent = { board.take($0) }
    // Told on the client's thread, amid `accept`: printed from a task, one after the other.
    let (endings, told) = AsyncStream.makeStream(of: (id: UInt64, ending: KeptReportEnding).self)
    settings.onReport = { told.yield((id: $0, ending: $1)) }
    let telling = Task { for await (id, ending) in endings { board.take(id, ending) } }
    let (requests, continuation) = AsyncStream.makeStream(of: DeviceRequest.self)
    settings.onRequest = { continuation.yield($0) }
    let interruption = WorkInterruption()
    let signals = interruption.listen()
    defer { withExtendedLifetime(signals) {} }
    let (gateway, isGood) = try await options.withGateway(
      settings,
      // What has a place on disk waits there.
      needsConnection: outbox == nil,
      { $0.onEvent = { board.take($0) } }
    ) { gateway in
      var numbers: [String: SubDevice] = [:]
      for argument in arguments {
        let device = try options.add(argument, to: gateway)
        numbers[argument.path] = device
        board.names.withLock { $0[device.number] = argument.path }
      }
      for device in numbers.values { try device.wantOnline() }
      let waiting = gateway.pendingReports
      if waiting > 0 {
        Console.complain("nbiot: \(waiting) reports of an earlier run wait in \(place.path)")
      }
      let (given, form, count) = (answers.answers, output.form, numbers.count)
      let answering = Task {
        for await request in requests { await Self.answer(request, given, form, board) }
      }
      let progress = Task { try await Self.tellProgress(gateway, count) }
      defer {
        answering.cancel()
        progress.cancel()
      }
      let isGood = try await report(gateway, numbers, board, interruption)
      await settle(gateway, board, interruption)
      return (gateway, isGood)
    }
    // The gateway is closed: nothing ends any more.
    told.finish()
    await telling.value
    board.tellKept(isLost: outbox == nil)
    let left = gateway.pendingReports
    if left > 0 { complain(of: left) }
    if board.isKicked { throw ExitStatus.kicked.error }
    if !isGood || left > 0 || board.hasFailed { throw ExitStatus.undelivered.error }
  }

  /// Takes the lines; whether all could be taken.
  private func report(
    _ gateway: Gateway,
    _ devices: [String: SubDevice],
    _ board: GatewayBoard,
    _ interruption: WorkInterruption
  ) async throws -> Bool {
    let lines = LineReader(interruption, limit: 2_048)
    let names = options.device.names
    let topics = GatewayTopics(
      of: "\(names.productKey)/\(names.deviceName)",
      names.config?.topic?.value
    )
    var number = 0
    var isGood = true
    while !interruption.isRequested, !board.isKicked, let line = await lines.next() {
      number += 1
      do throws(GatewayLineError) {
        let reading = try GatewayReading(line, topics) { devices[$0] != nil }
        try board.accept(number, reading, by: gateway)
      } catch {
        isGood = false
        board.refuse(number, error.description)
      }
      // A full outbox empties itself.
      while gateway.pendingReports > 20_000, !interruption.isRequested {
        try? await Task.sleep(for: .milliseconds(50))
      }
    }
    if let failure = await lines.failure {
      Console.complain("nbiot: \(failure.message)")
      return false
    }
    return isGood
  }

  /// Waits until nothing waits any more, or has waited for too long.
  private func settle(
    _ gateway: Gateway,
    _ board: GatewayBoard,
    _ interruption: WorkInterruption
  ) async {
    var last = gateway.pendingReports
    var since = MonotonicClock.now()
    while !interruption.isRequested, !board.isKicked {
      let pending = gateway.pendingReports
      if pending == 0, !stay { break }
      if pending != last { (last, since) = (pending, MonotonicClock.now()) }
      if !stay, MonotonicClock.now() - since >= Milliseconds(Int64(maxWait) * 1_000) { break }
      try? await Task.sleep(for: .milliseconds(pending == 0 ? 200 : 20))
    }
  }

  private func complain(of left: Int) {
    Console.complain(
      "nbiot: \(left) report\(left == 1 ? " waits" : "s wait")"
        + (outbox == nil
          ? " in vain and will be lost: --outbox DIRECTORY keeps them"
          : " in the outbox for the next run")
    )
  }

  /// Answers a request and prints it; a command that cannot be started does not keep the next one from being tried.
  private static func answer(
    _ request: DeviceRequest,
    _ answers: ListenAnswers,
    _ form: OutputArgument,
    _ board: GatewayBoard
  ) async {
    var answer: ListenAnswer?
    do {
      answer = try await answers.answer(to: request)
    } catch {
      Console.complain("nbiot: \(GatewayAddCommand.sentence(error))")
      board.noteFailure()
      // As after a command that was killed.
      if request.needsReply, !request.isBytes { answer = .code(.requestError, []) }
    }
    if !ListenCommand.give(answer, to: request, form) { board.noteFailure() }
  }

  /// Says how many are online, as long as that changes.
  private static func tellProgress(_ gateway: Gateway, _ count: Int) async throws {
    var last = -1
    while !Task.isCancelled {
      let online = gateway.onlineCount
      if online != last { Console.complain("nbiot: \(online) of \(count) sub-devices online") }
      last = online
      try await Task.sleep(for: .seconds(5))
    }
  }
}

/// The directory of the outbox; one of the program's own where none is given.
private struct GatewayOutbox {
  let path: String
  private let isOwn: Bool

  init(_ given: String?) throws {
    isOwn = given == nil
    var random = SystemRandom()
    let name = "nbiot-gateway-\(getpid())-\(random.nextUInt32())"
    path = given ?? FileManager.default.temporaryDirectory.appending(path: name).path
    do {
      try FileManager.default.createDirectory(
        atPath: path,
        withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700]
      )
    } catch {
      throw Complaint("the directory \(path) cannot be made: check where it is", .usage)
    }
  }

  func remove() {
    if isOwn { try? FileManager.default.removeItem(atPath: path) }
  }
}

/// The topics of lines that name none, or a short one.
private struct GatewayTopics {
  /// The gateway's names, `PK/DN`.
  let gateway: String
  /// What is behind a device's names in the topic of a line without one.
  private let standard: String

  /// `topic` is the configuration's, of the gateway itself; reports of properties without one.
  init(of gateway: String, _ topic: String?) {
    self.gateway = gateway
    let heads = ["/sys/\(gateway)/", "/\(gateway)/"]
    let head = heads.first { topic?.hasPrefix($0) == true }
    standard =
      topic.flatMap { topic in head.map { String(topic.dropFirst($0.utf8.count)) } }
      ?? "thing/event/property/post"
  }

  /// The whole topic of a device; without a short one, that of lines that have none.
  func topic(of device: String, _ short: String? = nil) -> String {
    let short = short ?? standard
    return short.hasPrefix("thing/") ? "/sys/\(device)/\(short)" : "/\(device)/\(short)"
  }
}

/// A line of standard input, as nbiot-gateway takes it.
private struct GatewayReading {
  let topic: String
  let payload: [UInt8]

  init(
    _ line: [UInt8],
    _ topics: GatewayTopics,
    isKnown: (String) -> Bool
  ) throws(GatewayLineError) {
    var device = topics.gateway
    var rest = line[...]
    if let end = rest.firstIndex(of: 0x09) {
      let name = String(decoding: rest[..<end], as: UTF8.self)
      let parts = name.split(separator: "/", omittingEmptySubsequences: false)
      if parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), !name.hasPrefix("{") {
        guard name == topics.gateway || isKnown(name) else { throw .unknown(name) }
        device = name
        rest = rest[(end + 1)...]
      }
    }
    // JSON may contain tabs between its tokens: what starts like a payload is one.
    let hasTopic = rest.first.map { $0 == UInt8(ascii: "/") || Self.isLetter($0) } ?? false
    guard hasTopic, let end = rest.firstIndex(of: 0x09) else {
      guard !rest.isEmpty else { throw .form }
      topic = topics.topic(of: device)
      payload = Array(rest)
      return
    }
    let given = String(decoding: rest[..<end], as: UTF8.self)
    payload = Array(rest[(end + 1)...])
    guard given.hasPrefix("/") else {
      guard given.contains("/") else { throw .topic(given) }
      topic = topics.topic(of: device, given)
      return
    }
    topic = given
    // A line that names no device has the name in its topic.
    let isNamed = rest.startIndex > 0
    guard !isNamed || Self.isTopic(given, of: device) else { throw .foreign(given, device) }
    guard isNamed || Self.isTopic(given, of: topics.gateway) || isKnown(Self.device(of: given))
    else { throw .unknown(given) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  private static func isTopic(_ topic: String, of device: String) -> Bool {
    topic.hasPrefix("/\(device)/") || topic.hasPrefix("/sys/\(device)/")
      || topic.hasPrefix("/ota/") && topic.hasSuffix("/\(device)")
  }

  /// The names that a whole topic has.
  private static func device(of topic: String) -> String {
    let levels = topic.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
    let names =
      switch levels.first {
      case "sys": levels.dropFirst().prefix(2)
      case "ota": levels.suffix(2)
      default: levels.prefix(2)
      }
    return names.joined(separator: "/")
  }
}

/// Why a line is no report.
enum GatewayLineError: Error, CustomStringConvertible {
  case form
  case unknown(String)
  case foreign(String, String)
  case topic(String)
  case gateway(GatewayError)

  var description: String {
    switch self {
    case .form:
      "there is no payload: a line is PRODUCTKEY/DEVICENAME, a tab, a topic and a tab where it needs one, and the payload"
    case .unknown(let name): "\(name) is none of the sub-devices: add it to the list"
    case .foreign(let topic, let name):
      "\(topic) is no topic of \(name): give one of its own, or user/NAME or thing/NAME"
    case .topic(let topic): "\(topic) is no topic: give one from / on, or user/NAME or thing/NAME"
    case .gateway(let error): error.description
    }
  }
}

/// What the gateway tells, as lines.
private final class GatewayBoard: Sendable {
  let names = Mutex<[Int: String]>([:])
  private let form: OutputArgument
  private let lines = Mutex<[UInt64: (number: Int, topic: String)]>([:])
  private let failed = Atomic(false)
  private let kicked = Atomic(false)

  init(_ form: OutputArgument) { self.form = form }

  var hasFailed: Bool { failed.load(ordering: .relaxed) }
  var isKicked: Bool { kicked.load(ordering: .relaxed) }

  /// Remembers that not all went well.
  func noteFailure() { failed.store(true, ordering: .relaxed) }

  /// Keeps a report; its result may come before this returns.
  func accept(
    _ number: Int,
    _ reading: GatewayReading,
    by gateway: Gateway
  ) throws(GatewayLineError) {
    var failure: GatewayError?
    lines.withLock { lines in
      do throws(GatewayError) {
        let id = try gateway.report(reading.payload, to: reading.topic)
        lines[id] = (number, reading.topic)
      } catch {
        failure = error
      }
    }
    if let failure { throw .gateway(failure) }
  }

  /// Gives those that still wait their result.
  func tellKept(isLost: Bool) {
    let left = lines.withLock { lines in
      defer { lines.removeAll() }
      return lines.values.sorted { $0.number < $1.number }
    }
    for line in left {
      print(line.number, line.topic, isLost ? "lost" : "kept", "its sub-device was not online")
    }
  }

  func refuse(_ number: Int, _ reason: String) {
    print(number, "", "refused", reason)
  }

  func take(_ id: UInt64, _ ending: KeptReportEnding) {
    if case .postponed = ending { return }
    let (outcome, advice): (String, String?) =
      switch ending {
      case .delivered: ("acknowledged", nil)
      case .rejected: ("rejected", "the platform refuses it for good")
      case .givenUp: ("givenUp", "it was tried too often, or is too old")
      case .expired: ("expired", nil)
      case .dropped, .postponed: ("dropped", nil)
      }
    if outcome != "acknowledged" { noteFailure() }
    let line = lines.withLock { $0.removeValue(forKey: id) }
    print(line?.number ?? 0, line?.topic ?? "of an earlier run, id \(id)", outcome, advice)
  }

  func take(_ event: GatewayEvent) {
    func name(_ number: Int) -> String { names.withLock { $0[number] } ?? "a sub-device" }
    switch event {
    case .session(.refused(let number, let reason, let wait)):
      Console.complain("nbiot: \(name(number)): \(reason)" + Self.again(wait))
    case .session(.offline(let number, let reason, let wait)) where reason != .disconnected:
      Console.complain("nbiot: \(name(number)): \(reason)" + Self.again(wait))
    case .session(.unnamed(let reason, let id)):
      Console.complain("nbiot: of some sub-device, message \(id): \(reason)")
    case .deaf(let number):
      Console.complain(
        "warning: \(name(number)): the platform refuses its subscription: its requests do not come"
      )
    case .session, .listening: break
    }
  }

  func take(_ event: MQTTClientEvent) {
    if case .disconnected(let reason, _) = event, reason == .kicked || reason == .suspectedTwin {
      kicked.store(true, ordering: .relaxed)
    }
    ListenCommand.tell(event)
  }

  private static func again(_ wait: Milliseconds?) -> String {
    guard let wait else { return "" }
    return wait.count < 1_000 ? "" : "; again in \((wait.count + 999) / 1_000) s"
  }

  private func print(_ number: Int, _ topic: String, _ outcome: String, _ advice: String?) {
    switch form {
    case .text:
      let subject = topic.isEmpty ? "report \(number)" : "report \(number), \(topic)"
      Console.print("\(subject): \(outcome)\(advice.map { ": \($0)" } ?? "")")
    case .json:
      var buffer = [UInt8](repeating: 0, count: 4_096)
      var json = JSONWriter(buffer.mutableSpan)
      do throws(CapacityError) {
        try json.beginObject()
        try json.key("number")
        try json.integer(Int64(number))
        try json.key("topic")
        try json.text(topic)
        try json.key("outcome")
        try json.text(outcome)
        try json.endObject()
      } catch {
        preconditionFailure("a topic has 128 bytes at most")
      }
      Console.print(json: json.written)
      if let advice { Console.complain("nbiot: report \(number): \(advice)") }
    }
  }
}

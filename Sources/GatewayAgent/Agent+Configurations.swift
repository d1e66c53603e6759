// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import HTTPSLayer
internal import MQTTAuthentication
internal import MQTTChannel
internal import MQTTLink
internal import OpenSSLSupport
internal import PayloadCoding
internal import Platform
internal import ReportLink
internal import SystemClocks

/// Configurations that the platform offers (device guide 6.7 and 6.12): fetched, checked, and given to a command.
extension Agent {
  /// The largest file that is fetched.
  private var configurationLimit: UInt64 {
    configuration.number(.configurationLimit, default: 4_194_304)
  }

  /// Asks the platform for the product's configuration.
  mutating func askForConfiguration() {
    var storage = InlineArray<256, UInt8>(repeating: 0)
    do throws(AlinkError) {
      var request = try AlinkRequest<ConfigurationGet, JSONWriter>(
        storage.mutableSpan,
        id: UInt32(truncatingIfNeeded: extras.random.next() >> 33)
      )
      let count = try request.finish()
      let topic = try request.topic(of: extras.identity)
      transmit(topic.bytes.bytes, storage.span.extracting(0..<count))
    } catch {
      // Names were checked.
    }
  }

  /// The topic of the reply to that.
  func writeConfigurationReplyTopic(into writer: inout ByteWriter) {
    // 64 and 32 bytes of names fit.
    try? writer.append("/sys/")
    try? writer.append(extras.identity.productKey.bytes)
    try? writer.append("/")
    try? writer.append(extras.identity.deviceName.bytes)
    try? writer.append("/thing/config/get_reply")
  }

  /// Takes the message of the last event `downlink` if it is the reply to that; whether it was.
  mutating func takeConfigurationReply(at now: Instant) -> Bool {
    guard configuration.choice(.fetchConfiguration) == 1 else { return false }
    var topic = FixedBytes<160>()
    topic.write { writeConfigurationReplyTopic(into: &$0) }
    guard driver.reports.downlinkTopic.isEqual(to: topic.bytes) else { return false }
    var offer: FileOffer?
    var problem: StaticString = "unreadable"
    var code: UInt64 = 0
    do throws(AlinkMessageError) {
      let view = try AlinkMessageView<JSONReader>(driver.reports.downlinkPayload)
      code = view.code?.rawValue ?? 0
      if code != 200 {
        problem = "refused"
      } else if let data = view.data {
        if try FileOffer.isNothing(data) {
          problem = "none"
        } else {
          offer = try FileOffer(configuration: data)
        }
      }
    } catch {
      // It stays unreadable.
    }
    if let offer, let fault = offer.fault(isConfiguration: true) {
      problem = fault.word
    } else if let offer {
      take(offer, .product, at: now)
      return true
    }
    line.start("info no-configuration reason=")
    line.add(problem)
    if code != 0, code != 200 {
      line.add(" code=")
      line.add(code)
    }
    log(&line)
    return true
  }

  /// Takes an offer that was pushed.
  mutating func takeConfiguration(_ downlink: Downlink, at now: Instant) {
    let names: ConfigurationNames =
      downlink.kind == .subDeviceConfiguration ? .subDevices : .product
    let offer: FileOffer
    do throws(AlinkMessageError) {
      let reader = downlink.reader(driver.reports.downlinkPayload)
      offer =
        names == .product ? try FileOffer(configuration: reader) : try FileOffer(subDevices: reader)
    } catch {
      // The dispatcher has read it.
      return
    }
    take(offer, names, at: now)
  }

  private mutating func take(_ offer: FileOffer, _ names: ConfigurationNames, at now: Instant) {
    let limit = configurationLimit
    let decision = extras.configurations.with(names) { $0.push.take(offer, limit: limit, at: now) }
    switch decision {
    case .known: return
    case .tooLarge, .unknownDigest:
      line.start("warning configuration-refused file=")
      line.add(names.fileName)
      line.add(decision == .tooLarge ? " reason=too-large size=" : " reason=digest size=")
      line.add(offer.size)
      return log(&line)
    case .start, .goesOn: break
    }
    // What is under way is the former file, or comes from a former address.
    if extras.configurations.fetching == names {
      extras.configurations.channel?.cancel()
      extras.configurations.fetching = nil
      extras.configurations.with(names) { $0.discard() }
    }
    keep(names)
  }

  /// Keeps what is known; a disk that refuses is told of, and the work goes on.
  private mutating func keep(_ names: ConfigurationNames) {
    do throws(StoreError) {
      try extras.configurations.with(names) {
        (one: inout OfferedConfiguration) throws(StoreError) in
        try one.keep()
      }
    } catch {
      complain(error)
    }
  }

  /// Goes on with what is offered: takes in what has come and whether the command has ended, and begins what is next.
  mutating func lookAfterConfigurations(at now: Instant) {
    guard extras.configurations.channel != nil else { return }
    while let event = extras.configurations.channel?.pollEvent() { takeFile(event, at: now) }
    if let names = extras.configurations.handing,
      let status = extras.configurations.command.look(at: now)
    {
      extras.configurations.handing = nil
      extras.configurations.with(names) { $0.closeFile() }
      takeStatus(status, names, at: now)
    }
    if extras.configurations.fetching == nil, let names = extras.configurations.toFetch(at: now) {
      fetch(names, at: now)
    }
    if extras.configurations.handing == nil, let names = extras.configurations.toHandOver(at: now) {
      handOver(names, at: now)
    }
  }

  private mutating func fetch(_ names: ConfigurationNames, at now: Instant) {
    do throws(StoreError) {
      if try extras.configurations.beginFetch(names, limit: configurationLimit) { return }
      fail(names, "memory", mayPass: true, at: now)
    } catch {
      complain(error)
      fail(names, "disk", mayPass: true, at: now)
    }
  }

  /// Takes in how a transfer has ended.
  private mutating func takeFile(_ event: HTTPSLayerEvent, at now: Instant) {
    guard let names = extras.configurations.fetching else { return }
    extras.configurations.fetching = nil
    let (status, problem) =
      switch extras.configurations.channel {
      case .some(let channel): (channel.head.status, channel.fileProblem)
      case nil: (UInt16(0), Int32(0))
      }
    // The next file may be days away, and comes from another server perhaps.
    extras.configurations.channel?.close()
    switch event {
    case .answered where status == 200:
      do throws(StoreError) {
        let isGood = try extras.configurations.with(names) {
          (one: inout OfferedConfiguration) throws(StoreError) in try one.accept()
        }
        guard isGood else { return fail(names, "wrong-digest", mayPass: true, at: now) }
      } catch {
        complain(error)
        extras.configurations.with(names) { $0.discard() }
        return fail(names, "disk", mayPass: true, at: now)
      }
      extras.configurations.with(names) { $0.push.fetched(at: now) }
      keep(names)
      tell("configuration fetched ", names)
    case .answered:
      extras.configurations.with(names) { $0.discard() }
      // RFC 9110 Section 15.5: what the client has done wrong stays wrong, but for these.
      let mayPass =
        status < 400 || status >= 500 || status == 408 || status == 425 || status == 429
      fail(names, "status", status: status, mayPass: mayPass, at: now)
    case .failed(let reason, _):
      extras.configurations.with(names) { $0.discard() }
      if problem != 0 {
        complain(.write(code: problem))
        return fail(names, "disk", mayPass: true, at: now)
      }
      // More than the platform has said will be more tomorrow.
      fail(names, reason.word, mayPass: reason != .tooLong, at: now)
    }
  }

  /// Tells that a file has not come, and whether it is tried again.
  private mutating func fail(
    _ names: ConfigurationNames,
    _ reason: StaticString,
    status: UInt16 = 0,
    mayPass: Bool,
    at now: Instant
  ) {
    let random = UInt32(truncatingIfNeeded: extras.random.next() >> 32)
    let wait = extras.configurations.with(names) {
      $0.push.fetchFailed(mayPass: mayPass, at: now, random: random)
    }
    keep(names)
    line.start("warning configuration-not-fetched file=")
    line.add(names.fileName)
    line.add(" reason=")
    line.add(reason)
    if status > 0 {
      line.add(" status=")
      line.add(UInt64(status))
    }
    finishWait(wait)
  }

  private mutating func finishWait(_ wait: Milliseconds?) {
    if let wait {
      line.add(" wait=")
      line.add(UInt64(max(wait.count, 0) + 999) / 1_000)
    } else {
      line.add(" given-up")
    }
    log(&line)
  }

  /// Prints what became of a file, with its path.
  private mutating func tell(
    _ text: StaticString,
    _ names: ConfigurationNames,
    status: Int32? = nil
  ) {
    line.start(text)
    line.add(configuration.bytes(.stateDirectory))
    line.add("/")
    line.add(names.fileName)
    if let status {
      line.add(" ")
      line.add(UInt64(clamping: status))
    }
    print()
  }

  /// Gives the file to the command.
  private mutating func handOver(_ names: ConfigurationNames, at now: Instant) {
    let file = extras.configurations.with(names) { $0.openFile() }
    guard file >= 0 else {
      // Somebody has removed or changed it.
      extras.configurations.with(names) { $0.push.lost(at: now) }
      return keep(names)
    }
    var topic = FixedBytes<128>()
    var kinds = DownlinkKinds()
    kinds.insert(names == .product ? .configuration : .subDeviceConfiguration)
    var filters = DownlinkFilters(kinds)
    topic.write { (writer: inout ByteWriter) in
      // 64 and 32 bytes of names fit.
      _ = try? filters.next(of: extras.identity, into: &writer)
    }
    let time = configuration.number(.configurationTime, default: 300)
    let code = extras.configurations.command.start(
      configuration.path(.onConfiguration),
      topic: topic.bytes,
      directory: configuration.bytes(.stateDirectory),
      name: names.fileName,
      input: file,
      until: now + Milliseconds(Int64(time) * 1_000)
    )
    if code == 0 {
      extras.configurations.handing = names
      return
    }
    extras.configurations.with(names) { $0.closeFile() }
    line.start("warning configuration-command-failed ")
    line.add(errno: code)
    retry(names, at: now)
  }

  /// Takes in how the command has ended.
  private mutating func takeStatus(_ status: Int32, _ names: ConfigurationNames, at now: Instant) {
    switch status {
    case 0:
      extras.configurations.with(names) { $0.push.taken() }
      keep(names)
      tell("configuration taken ", names)
    case 75, -1:
      line.start("warning configuration-command-failed ")
      line.add(status == 75 ? "reason=again-later" : "reason=killed")
      retry(names, at: now)
    default:
      extras.configurations.with(names) { $0.push.refused() }
      keep(names)
      tell("configuration refused ", names, status: status)
    }
  }

  private mutating func retry(_ names: ConfigurationNames, at now: Instant) {
    let random = UInt32(truncatingIfNeeded: extras.random.next() >> 32)
    let wait = extras.configurations.with(names) {
      $0.push.takerFailed(at: now, random: random)
    }
    keep(names)
    // Another file was offered meanwhile, and is fetched now.
    if wait == nil, extras.configurations.with(names, { $0.push.isWanted }) { return log(&line) }
    finishWait(wait)
  }
}

extension HTTPSFailure {
  /// A word for a line.
  var word: StaticString {
    switch self {
    case .unresolved: "unknown-host"
    case .unreachable: "unreachable"
    case .timedOut: "timed-out"
    case .unknownAuthority: "unknown-authority"
    case .expired: "expired"
    case .notYetValid: "not-yet-valid"
    case .certificate: "certificate"
    case .serverName: "wrong-name"
    case .handshake: "handshake"
    case .authorities: "authorities"
    case .broken: "broken"
    case .tooLong: "too-long"
    case .notHTTP: "not-http"
    case .library: "library"
    }
  }
}

extension FileFault {
  /// A word for a line.
  fileprivate var word: StaticString {
    switch self {
    case .notHTTPS: "not-https"
    case .empty: "empty"
    case .digestMethod: "digest"
    }
  }
}

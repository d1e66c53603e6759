// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import DeviceDriver
internal import DurableReports
internal import HTTPSChannel
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import SystemClocks

/// What moves the reports, over HTTPS.
typealias AgentDriver = DescriptorDriver<HTTPSLink<HTTPSChannel, SystemRandom>>

/// What the agent over HTTPS has beside its driver.
struct AgentExtras {
  /// By how many seconds the platform's clock was ahead when that was told of last.
  var toldDifference: Int64 = 0

  /// Nothing of it is ever due.
  var deadline: Instant? { nil }

  /// Ends nothing.
  func end() {}
}

extension Agent {
  /// Creates the device described by the configuration; an error ends the process, and so does
  /// `--check`.
  @inline(never)
  init(_ arguments: Arguments) {
    extras = AgentExtras()
    configuration = Configuration(arguments)
    configuration.read()
    configuration.require(.productKey)
    configuration.require(.deviceName)
    configuration.require(.deviceSecretFile)
    configuration.require(.stateDirectory)
    endpoint.read(configuration)
    settings.read(configuration)
    let linkSettings = HTTPSLinkSettings(configuration)
    let durableSettings = DurableSettings(configuration)
    let identity = makeIdentity(configuration)
    let secret = readSecret(configuration)
    let fingerprint = makeFingerprint(configuration, identity, secret, mode: 3)
    let channel = makeChannel(configuration, endpoint)
    let socketMode = configuration.mode(.socketMode, default: 0o660)
    let socketGroup = configuration.group(.socketGroup)
    if arguments.request == .check { finishCheck(configuration) }
    driver = AgentDriver(
      reports: DurableReports(
        link: makeLink(configuration, identity, secret, linkSettings, channel),
        settings: durableSettings,
        boot: WallClock.boot()
      )
    )
    open(fingerprint)
    signals.open()
    // Last: the socket may be of another agent, which has the directory as well.
    if configuration.has(.socket) { listen(socketMode, socketGroup) }
  }

  // MARK: - The connection

  /// Whether lines can come after the end of standard input.
  var staysOpen: Bool { datagrams.isOpen }

  /// What the link waits for.
  var linkDescriptor: Int32 { driver.descriptor }

  /// When the link has something to do.
  var linkDeadline: Instant? { mutating get { driver.reports.pollTimeout() } }

  /// Closes the connection; work in flight stays in the outbox.
  @inline(never)
  mutating func close() { driver.close() }

  /// Looks after nothing: there is no command.
  mutating func look(at now: Instant) {}

  /// Tells what the link's events do not: that a clock is wrong.
  @inline(never)
  mutating func watch(at now: Instant) {
    // Whatever the kernel thinks of it: a clock that nobody sets is the one that is wrong.
    driver.reports.setClock(WallClock.milliseconds() / 1_000, at: now)
    let difference = driver.reports.link.clockError
    // A minute more or less is no news.
    if (difference &- extras.toldDifference).magnitude <= 60 { return }
    extras.toldDifference = difference
    if difference == 0 { return }
    line.start("warning wrong-clock ")
    line.add(difference > 0 ? "behind=" : "ahead=")
    line.add(difference.magnitude)
    log(&line)
  }
}

// MARK: - Parts, each of which ends the process on failure

@inline(never)
private func makeLink(
  _ configuration: borrowing Configuration,
  _ identity: DeviceIdentity,
  _ secret: consuming SecretBytes,
  _ settings: HTTPSLinkSettings,
  _ channel: consuming HTTPSChannel
) -> HTTPSLink<HTTPSChannel, SystemRandom> {
  do throws(HTTPSSettingsError) {
    return try HTTPSLink(
      identity: identity,
      secret: secret,
      settings: settings,
      layer: channel,
      randomness: SystemRandom()
    )
  } catch {
    configuration.refuse(.signMethod)
  }
}

@inline(never)
private func makeChannel(
  _ configuration: borrowing Configuration,
  _ endpoint: borrowing ServerAddress
) -> HTTPSChannel {
  configuration.require(.caFile)
  var text = InlineArray<32_768, UInt8>(repeating: 0)
  var room = text.mutableSpan
  let length = PrivateInput.read(configuration.path(.caFile), into: &room, .unreadableAuthorities)
  if length == 0 || length == room.count { configuration.refuse(.caFile) }
  let count = certificateCount(in: room.span.extracting(0..<length)) ?? 0
  if count == 0 { configuration.refuse(.caFile) }
  do throws(HTTPSChannelError) {
    var settings = try HTTPSChannelSettings(host: endpoint.host, port: endpoint.port)
    settings.usesProxy = configuration.choice(.proxy) == 1
    return try HTTPSChannel(settings, authorities: room.span.extracting(0..<length))
  } catch {
    switch error {
    case .host: configuration.refuse(.endpoint)
    case .authorities: configuration.refuse(.caFile)
    case .limits, .library, .system:
      fail(.usage, Span("error libcurl cannot be set up for HTTPS" as StaticString))
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import CPOSIX
internal import ConstrainedCore
internal import DeviceDriver
internal import DeviceStore
internal import DurableReports
internal import OpenSSLSupport
internal import Platform
internal import PlatformCredentials
internal import SystemClocks

// Embedded Swift wants the conformances of what the driver is made of.
#if MQTT
internal import MQTTChannel
internal import MQTTLink
#if GATEWAY
internal import GatewayLink
internal import GatewaySessions
internal import HTTPSChannel
internal import MQTTAuthentication
#endif
#elseif HTTPS
internal import HTTPSChannel
internal import HTTPSLink
#else
internal import CoAPLink
internal import SecurityLayer
#endif

/// Runs the program with `main`'s arguments until the process ends.
public func runAgent(
  _ count: Int32,
  _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
) -> Never {
  #if !hasFeature(Embedded)
  nbiot_end_by_crashes()
  #endif
  nbiot_open_standard()
  nbiot_forbid_core()
  var arguments = unsafe Arguments(values)
  guard arguments.read(count) else {
    say(.wrongArgument, arguments.culprit, 0)
    log(helpText.word(0, by: 0x0A))
    fail(.usage, helpText.word(1, by: 0x0A))
  }
  switch arguments.request {
  case .help: finish(printing: helpText)
  case .version: finish(printing: versionText)
  case .send: leave(sendLine(arguments))
  case .run, .check:
    nbiot_end_by_signals()
    var agent = Agent(arguments)
    agent.showStart()
    agent.run()
    leave(.success)
  }
}

extension Agent {
  // Functions that may end the process are not inlined in the initialiser, where Swift would destroy what exists first.

  @inline(never)
  mutating func listen(_ mode: UInt32, _ group: UInt32) {
    if !datagrams.listen(at: configuration.path(.socket), mode: mode, group: group) {
      fail(.unusableSocket, configuration.bytes(.socket))
    }
  }

  /// Reads the state directory.
  @inline(never)
  mutating func open(_ fingerprint: FixedBytes<32>) {
    do throws(StoreError) {
      #if MQTT
      let directory = try StateDirectory(path: configuration.bytes(.stateDirectory))
      extras.open(directory)
      try driver.reports.open(
        directory,
        fingerprint: fingerprint,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
      #else
      // Without a name for the directory: that would be 40 bytes.
      try driver.reports.open(
        try StateDirectory(path: configuration.bytes(.stateDirectory)),
        fingerprint: fingerprint,
        at: MonotonicClock.now(),
        date: WallClock.now()
      )
      #endif
    } catch {
      giveUp(error)
    }
  }

  /// Ends or restarts the process because the state directory cannot be used.
  private mutating func giveUp(_ error: StoreError) {
    line.start(.stateDirectory)
    error.describe(in: &line)
    line.add(.colonAndSpace)
    line.add(configuration.bytes(.stateDirectory))
    log(&line)
    // A disk that refuses may be well again: the program starts over, and takes no line until then.
    if !configuration.arguments.isOnce, error.mayPass {
      // A signal ends the program meanwhile.
      _ = poll(nil, 0, 5_000)
      configuration.arguments.startOver()
    }
    nbiot_exit(AgentStatus.store.rawValue)
  }
}

// MARK: - Parts, each of which ends the process on failure

@inline(never)
func makeIdentity(_ configuration: borrowing Configuration) -> DeviceIdentity {
  do throws(IdentityError) {
    return try DeviceIdentity(
      productKey: configuration.bytes(.productKey),
      deviceName: configuration.bytes(.deviceName),
      clientID: configuration.has(.clientID) ? configuration.bytes(.clientID) : nil
    )
  } catch {
    switch error {
    case .productKey: configuration.refuse(.productKey)
    case .deviceNameLength, .deviceNameCharacter: configuration.refuse(.deviceName)
    case .clientIDLength, .clientIDCharacter: configuration.refuse(.clientID)
    }
  }
}

/// Ends the process with what `--check` finds beyond a start, which makes the socket and runs the command later.
///
/// It is not declared `Never`, which would make its caller destroy its values first.
@inline(never)
func finishCheck(_ configuration: borrowing Configuration) {
  let socket = configuration.path(.socket)
  #if !HTTPS
  let command = configuration.path(.command)
  #endif
  #if GATEWAY
  let taker = configuration.path(.onConfiguration)
  let isTaker = unsafe taker.withUnsafeBytes {
    unsafe nbiot_is_command($0.bindMemory(to: CChar.self).baseAddress)
  }
  if configuration.has(.onConfiguration), isTaker == 0 {
    configuration.refuse(.onConfiguration, .notExecutable)
  }
  #endif
  // SAFETY: both end with a zero byte.
  let code = unsafe socket.withUnsafeBytes {
    unsafe nbiot_check_unix($0.bindMemory(to: CChar.self).baseAddress, $0.count)
  }
  #if !HTTPS
  let isCommand = unsafe command.withUnsafeBytes {
    unsafe nbiot_is_command($0.bindMemory(to: CChar.self).baseAddress)
  }
  #endif
  if configuration.has(.socket), code != 0 {
    fail(.unusableSocket, configuration.bytes(.socket), code: code)
  }
  #if !HTTPS
  if configuration.has(.command), isCommand == 0 {
    configuration.refuse(.command, .notExecutable)
  }
  #endif
  finish(printing: "the configuration is good\n")
}

/// The first line of the secret's file, trimmed.
@inline(never)
func readSecret(_ configuration: borrowing Configuration) -> SecretBytes {
  var text = InlineArray<256, UInt8>(repeating: 0)
  var room = text.mutableSpan
  defer { wipe(&room) }
  let path = configuration.path(.deviceSecretFile)
  let length = PrivateInput.read(path, into: &room, .unusableSecret)
  let line = room.span.firstLine(of: 0..<length)
  let isTrimmed =
    line.lowerBound > 0 || line.upperBound < length && !room[line.upperBound].isLineEnd
  if !line.isEmpty, isTrimmed { log(Phrase.secretTrimmed.text) }
  guard let secret = SecretBytes(copying: room.span.extracting(line).wholeUTF8) else {
    fail(.unusableSecret, configuration.bytes(.deviceSecretFile), code: 0)
  }
  return secret
}

@inline(never)
func makeFingerprint(
  _ configuration: borrowing Configuration,
  _ identity: borrowing DeviceIdentity,
  _ secret: borrowing SecretBytes,
  mode: UInt8
) -> FixedBytes<32> {
  do throws(OpenSSLError) {
    return try DeviceFingerprint.make(
      identity,
      secret: secret,
      endpoint: configuration.bytes(.endpoint),
      mode: mode
    )
  } catch {
    fail(.usage, Phrase.noHash.text)
  }
}

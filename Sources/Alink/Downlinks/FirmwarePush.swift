// SPDX-License-Identifier: Apache-2.0
public import ConstrainedCore
public import PayloadCoding
public import Platform

/// Decides what becomes of a firmware that the platform pushes (device guide 4 and 6.11).
///
/// The platform pushes it again at each reconnect until the device reports its version, so that most pushes are of
/// an upgrade that is known: none is started twice. Order of calls: `decide` for each push, then `finished` or
/// `failed` once what it started is over. To go on after a restart of the program its owner keeps what `writeState`
/// writes after each of them, and begins with `init(kept:)`. No heap.
public struct FirmwarePush: Sendable {
  private enum Stage: UInt8 {
    case idle, interrupted, running, finished, failed
  }

  /// The version of the upgrade that is known; empty without one.
  public private(set) var version = FixedBytes<128>()
  private var digest: FirmwareDigest?
  private var stage = Stage.idle
  private var failures: UInt8 = 0

  /// How often an upgrade is tried that fails each time; a push alone begins the next try.
  static var maxTries: UInt8 { 3 }

  /// Starts without an upgrade.
  public init() {}

  /// Starts with an upgrade that was under way when the program ended: its next push goes on with it.
  public init(interrupted version: Span<UInt8>, digest: FirmwareDigest) {
    do throws(CapacityError) { try self.version.replace(with: version) } catch { return }
    self.digest = digest
    stage = .interrupted
  }

  /// Starts with what `writeState` wrote before the program ended; without an upgrade where that is damaged.
  public init(kept state: Span<UInt8>) {
    guard state.count > 2, var stage = Stage(rawValue: state[0]), stage != .idle else { return }
    if stage == .running { stage = .interrupted }
    let length = Int(state[2])
    guard length == 16 || length == 32, state.count > 3 + length else { return }
    do throws(CapacityError) {
      let bytes = state.extracting(3..<(3 + length))
      digest =
        length == 16
        ? .md5(try FixedBytes(copying: bytes)) : .sha256(try FixedBytes(copying: bytes))
      try version.replace(with: state.extracting((3 + length)..<state.count))
    } catch {
      return
    }
    self.stage = stage
    failures = state[1]
  }

  /// Writes what `init(kept:)` reads after a restart, at most 163 bytes; nothing while no upgrade is known.
  public func writeState(into output: inout ByteWriter) throws(CapacityError) {
    guard let digest else { return }
    try output.append(stage.rawValue)
    try output.append(failures)
    switch digest {
    case .md5(let bytes):
      try output.append(16)
      try output.append(bytes.bytes)
    case .sha256(let bytes):
      try output.append(32)
      try output.append(bytes.bytes)
    }
    try output.append(version.bytes)
  }

  /// Whether an upgrade is under way.
  public var isRunning: Bool { stage == .running }

  /// Whether `finished` means anything: an upgrade is under way, or was when the program ended.
  public var mayFinish: Bool { stage == .running || stage == .interrupted }

  /// Whether `failed` means anything: the same, or what is finished did not come up after the restart.
  public var mayFail: Bool { mayFinish || stage == .finished }

  /// Decides about a push, whose `data` comes next in `reader`; `running` is the version that the device runs.
  ///
  /// After `start` and `resume` the upgrade counts as running.
  public mutating func decide<Reader: PayloadReader & ~Escapable>(
    _ reader: Reader,
    running: Span<UInt8>
  ) -> FirmwareDecision {
    do throws(AlinkMessageError) {
      return decide(try FileOffer(firmware: reader), running: running)
    } catch {
      return .refuse(.offer(error))
    }
  }

  /// The same for an offer that has been read.
  public mutating func decide(_ offer: FileOffer, running: Span<UInt8>) -> FirmwareDecision {
    // First: the platform may push the running version again before it has heard of it, when its file is gone.
    if offer.version.bytes.isEqual(to: running) { return .alreadyInstalled }
    if let fault = offer.fault(isConfiguration: false) { return .refuse(.file(fault)) }
    let isKnown = offer.version == version && offer.digest == digest
    switch stage {
    case .running: return isKnown ? .alreadyRunning : .anotherRuns
    case .finished where isKnown: return .waitsForRestart
    case .failed where isKnown && failures >= Self.maxTries: return .refuse(.failedTooOften)
    case .interrupted where isKnown:
      stage = .running
      return .resume
    case .idle, .interrupted, .finished, .failed:
      if !isKnown { failures = 0 }
      version = offer.version
      digest = offer.digest
      stage = .running
      return .start
    }
  }

  /// Notes that what ran is downloaded, verified and where it belongs: the device runs it after a restart.
  public mutating func finished() {
    if mayFinish { stage = .finished }
  }

  /// Notes that what ran went no further, or that the device came up with its former version.
  public mutating func failed() {
    guard mayFail else { return }
    stage = .failed
    failures += 1
  }
}

/// What becomes of a firmware that was pushed.
public enum FirmwareDecision: Equatable, Sendable {
  /// Fetch it.
  case start
  /// Fetch what is missing of it: the same file was under way before the program's restart, its address may be
  /// another one.
  case resume
  /// It is being fetched.
  case alreadyRunning
  /// It is fetched and waits for a restart.
  case waitsForRestart
  /// It runs: tell the platform the version again (`FirmwareInform`).
  case alreadyInstalled
  /// Another one is being fetched; the platform pushes this one again.
  case anotherRuns
  /// It is not fetched; the platform is told by the progress `refusal.failure`.
  case refuse(FirmwareRefusal)
}

/// Why a firmware is not fetched.
public enum FirmwareRefusal: Equatable, Sendable {
  /// A member that it needs is missing, or of another type: version, size, address or digest.
  case offer(AlinkMessageError)
  /// Its address or its size.
  case file(FileFault)
  /// The same version with the same digest failed three times.
  case failedTooOften

  /// What the progress says of it (device guide 6.11): -3 without a digest that can be used, -2 without an address,
  /// -1 for the rest.
  public var failure: UpgradeFailure {
    switch self {
    case .offer(.member(.sign)), .offer(.member(.signMethod)), .file(.digestMethod): .verification
    case .offer(.member(.url)), .file(.notHTTPS): .download
    default: .upgrade
    }
  }
}

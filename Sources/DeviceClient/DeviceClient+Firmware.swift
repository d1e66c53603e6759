public import Alink
internal import ConstrainedCore
internal import Dispatch
internal import PayloadCoding
public import Platform

/// Upgrades of the firmware (device guide 4 and 6.11).
extension DeviceClient {
  /// Fetches a file and checks it; blocks its thread, and tells the percentage, 1 to 100 and rising.
  ///
  /// What does not fit the offer's digest must never be run.
  public typealias Download =
    @Sendable (FileOffer, _ progress: @Sendable (UInt8) -> Void) throws(UpgradeFailure) -> Void

  /// Tells the platform which firmware the device runs: once after each start, and after an upgrade,
  /// which counts as a success by this alone.
  public func inform(version: String) async throws {
    let text = Array(version.utf8)
    try await request(FirmwareInform.self, as: JSONWriter.self) { inform throws(AlinkError) in
      try inform.version(text.span)
    }
  }

  /// Asks for a newer firmware than `version`; `nil` when the platform has none for the device.
  public func firmware(after version: String) async throws -> FileOffer? {
    let text = Array(version.utf8)
    do {
      let answer = try await request(FirmwareRequest.self, as: JSONWriter.self) {
        request throws(AlinkError) in
        try request.version(text.span)
      }
      // A reply without data or with nothing in it, or none at all, offers nothing.
      guard !answer.offersNothing else { return nil }
      do throws(AlinkMessageError) {
        return try answer.firmware()
      } catch {
        throw DeviceClientError.unreadableReply(error, answer.receipt)
      }
    } catch DeviceClientError.refused(let answer) where answer.code == .serverError {
      // The guide's way to say that there is none.
      return nil
    }
  }

  /// Tells the platform how far an upgrade is.
  public func report(_ step: FirmwareStep, description: String = "") async throws {
    // The guide gives no limit for the text; a sentence is enough for a log.
    var text = Array(description.utf8.prefix(128))
    // A character that is cut is left out.
    while String(validating: text, as: UTF8.self) == nil { text.removeLast() }
    let whole = text
    try await request(FirmwareProgress.self, as: JSONWriter.self) { progress throws(AlinkError) in
      try progress.progress(step, description: whole.span)
    }
  }

  /// Downloads a firmware and tells the platform about it: 1 % at the start, then whenever `percent` more
  /// have come, and 100 % once the file is verified; or why it went no further.
  ///
  /// Each step is a message, so that `percent` is best large. A step that cannot be delivered does not
  /// end the download. Returns how many could not; throws `UpgradeError` once the failure was told, or could
  /// not be. What `explanation` gives goes along with the failure; `nil` tells the platform nothing, for a
  /// download that only pauses. The new version is told by `inform` once it runs. Cancelling the task does not stop `download`:
  /// whoever can stop it does so first.
  @discardableResult
  public func upgrade(
    to offer: FileOffer,
    reportingEvery percent: UInt8 = 50,
    explanation: @escaping @Sendable () -> String? = { "" },
    _ download: @escaping Download
  ) async throws -> Int {
    precondition(percent > 0, "progress is told in steps")
    let (steps, feed) = AsyncStream.makeStream(of: UInt8.self, bufferingPolicy: .bufferingNewest(1))
    async let outcome: UpgradeFailure? = withCheckedContinuation { continuation in
      DispatchQueue.global().async {
        var failure: UpgradeFailure?
        do throws(UpgradeFailure) {
          try download(offer) { feed.yield($0) }
        } catch {
          failure = error
        }
        feed.finish()
        continuation.resume(returning: failure)
      }
    }
    var undelivered = try await tell(.percent(1))
    var next = Int(percent)
    for await step in steps where Int(step) >= next && step < 100 {
      undelivered += try await tell(.percent(step))
      next = Int(step) + Int(percent)
    }
    if let failure = await outcome {
      guard let words = explanation() else { throw UpgradeError(failure: failure, isTold: false) }
      let isTold = try await tell(.failed(failure), words) == 0
      throw UpgradeError(failure: failure, isTold: isTold)
    }
    undelivered += try await tell(.percent(100))
    return undelivered
  }

  /// Upgrades as above with a downloader, which is made on the thread that it blocks.
  @discardableResult
  public func upgrade<Downloader: FirmwareDownloader & SendableMetatype & ~Copyable>(
    to offer: FileOffer,
    reportingEvery percent: UInt8 = 50,
    by makeDownloader: @escaping @Sendable () -> Downloader
  ) async throws -> Int {
    try await upgrade(to: offer, reportingEvery: percent) {
      (offer: FileOffer, progress: @Sendable (UInt8) -> Void) throws(UpgradeFailure) in
      var downloader = makeDownloader()
      try downloader.download(
        url: offer.url.bytes,
        size: offer.size,
        digest: offer.digest,
        progress: progress
      )
    }
  }

  /// Reports a step; 1 when it could not be delivered.
  private func tell(_ step: FirmwareStep, _ description: String = "") async throws -> Int {
    do {
      try await report(step, description: description)
      return 0
    } catch let error as CancellationError {
      throw error
    } catch {
      return 1
    }
  }
}

/// An upgrade that went no further.
public struct UpgradeError: Error, Equatable {
  /// Why.
  public let failure: UpgradeFailure

  /// Whether the platform was told; if not, it still waits for the upgrade to go on.
  public let isTold: Bool
}

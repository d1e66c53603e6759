// SPDX-License-Identifier: Apache-2.0
public import Alink
internal import ConstrainedCore
internal import Dispatch
internal import PayloadCoding
public import Platform

/// Firmware upgrades (device guide 4 and 6.11).
extension DeviceClient {
  /// Downloads a file and checks it; blocks its thread, and reports the percentage, 1 to 100,
  /// increasing.
  ///
  /// A file that does not match the offer's digest must never be run.
  public typealias Download =
    @Sendable (FileOffer, _ progress: @Sendable (UInt8) -> Void) throws(UpgradeFailure) -> Void

  /// Reports the running firmware: once after each start, and after an upgrade, which is a success
  /// only with this report.
  public func inform(version: String) async throws {
    let text = Array(version.utf8)
    try await request(FirmwareInform.self, as: JSONWriter.self) { inform throws(AlinkError) in
      try inform.version(text.span)
    }
  }

  /// Requests a firmware newer than `version`; `nil` if the platform has none for the device.
  public func firmware(after version: String) async throws -> FileOffer? {
    let text = Array(version.utf8)
    do {
      let answer = try await request(FirmwareRequest.self, as: JSONWriter.self) {
        request throws(AlinkError) in
        try request.version(text.span)
      }
      // Without a reply, or without data in it, there is no offer.
      guard !answer.offersNothing else { return nil }
      do throws(AlinkMessageError) {
        return try answer.firmware()
      } catch {
        throw DeviceClientError.unreadableReply(error, answer.receipt)
      }
    } catch DeviceClientError.refused(let answer) where answer.code == .serverError {
      // This is how the guide reports that there is none.
      return nil
    }
  }

  /// Reports the progress of an upgrade.
  public func report(_ step: FirmwareStep, description: String = "") async throws {
    // The guide gives no limit for the text; a sentence is sufficient for a log.
    var text = Array(description.utf8.prefix(128))
    // Drop a character that was cut.
    while String(validating: text, as: UTF8.self) == nil { text.removeLast() }
    let whole = text
    try await request(FirmwareProgress.self, as: JSONWriter.self) { progress throws(AlinkError) in
      try progress.progress(step, description: whole.span)
    }
  }

  /// Downloads a firmware and reports the progress: 1 % at the start, then every further `percent`,
  /// and 100 % once the file is verified; or the failure.
  ///
  /// Each step is a message, so choose a large `percent`. A step that cannot be delivered does not
  /// end the download. It returns the number of undelivered steps, and throws `UpgradeError` after
  /// it has tried to report the failure. The text returned by `explanation` is sent with the
  /// failure; if it is `nil`, nothing is sent, for a download that only pauses. `inform` reports
  /// the new version once it runs. Cancelling the task does not stop `download`: stop the download
  /// itself first.
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

  /// Upgrades as above with a downloader, which is created on the thread that it blocks.
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

  /// Reports a step; returns 1 if it could not be delivered.
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

/// An upgrade that failed.
public struct UpgradeError: Error, Equatable {
  /// The failed step.
  public let failure: UpgradeFailure

  /// Whether the platform was told; if not, it still expects the upgrade to continue.
  public let isTold: Bool
}

// SPDX-License-Identifier: Apache-2.0
public import Platform

/// A downloader for machines with libcurl and a file system; each firmware becomes a file.
public struct HTTPSFirmwareDownloader: FirmwareDownloader {
  /// The path of the downloaded firmware.
  public var destination: String

  /// Trusted authorities and timeouts.
  public var settings = HTTPSSettings()

  /// Installs the complete and verified file; an error it throws is reported as step -4.
  public var install: ((_ path: String) throws(UpgradeFailure) -> Void)?

  /// Receives the reason why an attempt ended, and the seconds until the next one.
  public var onRetry: ((_ reason: FirmwareDownloadError, _ seconds: Int) -> Void)?

  /// Receives a line for each request and for the head of each answer; see `FirmwareDownload`.
  public var onExchange: ((_ line: String) -> Void)?

  /// Why the last download failed, in more detail than its step.
  public private(set) var lastError: FirmwareDownloadError?

  /// Creates a downloader to that file.
  public init(to destination: String) { self.destination = destination }

  /// Downloads and verifies; blocks the calling thread until done.
  public mutating func download(
    url: Span<UInt8>,
    size: UInt64,
    digest: FirmwareDigest,
    progress: (UInt8) -> Void
  ) throws(UpgradeFailure) {
    let address = String(decoding: url.indices.map { url[$0] }, as: UTF8.self)
    var download = FirmwareDownload(address: address, size: size, digest: digest, to: destination)
    download.settings = settings
    download.install = install
    download.onRetry = onRetry
    download.onExchange = onExchange
    lastError = nil
    var failure: FirmwareDownloadError?
    withoutActuallyEscaping(progress) { progress in
      var last: UInt8 = 0
      download.onProgress = { received in
        let percent = UInt8(Double(received) / Double(size) * 100)
        if percent > last {
          last = percent
          progress(percent)
        }
      }
      do throws(FirmwareDownloadError) { _ = try download.run() } catch { failure = error }
      download.onProgress = nil
    }
    if let failure {
      lastError = failure
      throw failure.step
    }
  }
}

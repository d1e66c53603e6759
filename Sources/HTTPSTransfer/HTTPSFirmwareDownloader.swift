public import Platform

/// The downloader of a machine that has libcurl and a file system: each firmware becomes one file.
public struct HTTPSFirmwareDownloader: FirmwareDownloader {
  /// The file that a firmware becomes.
  public var destination: String

  /// Whom to trust and how patient to be.
  public var settings = HTTPSSettings()

  /// Installs the whole and right file; what it throws counts as step -4.
  public var install: ((_ path: String) throws(UpgradeFailure) -> Void)?

  /// Told why an attempt ended, and after how many seconds the next one comes.
  public var onRetry: ((_ reason: FirmwareDownloadError, _ seconds: Int) -> Void)?

  /// Why the last download failed, in more words than its step.
  public private(set) var lastError: FirmwareDownloadError?

  /// A downloader to that file.
  public init(to destination: String) { self.destination = destination }

  /// Downloads and verifies; blocks its thread until that is done.
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

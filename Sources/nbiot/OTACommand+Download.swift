// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import ConstrainedCore
internal import Foundation
internal import HTTPSTransfer
internal import Platform
internal import SystemClocks

extension OTACommand {
  /// Downloads a firmware with known address, size and digest.
  struct Download: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "download",
      abstract: "Downloads a firmware over HTTPS, whole and verified or not at all.",
      usage: """
        nbiot ota download --url URL --size BYTES (--md5 HEX | --sha256 HEX)
          --to FILE [options]
        """,
      discussion: """
        Example, with what the platform's message about an upgrade says:
          nbiot ota download --url 'https://example.com/app.bin' --size 432945 \\
            --md5 93230c3bde425a9d7984a594ac55ea1e --to firmware.bin

        Partial data is in firmware.bin.part; the next run for the same digest and size resumes from there, \
        even with a new address (each is valid for 24 hours). firmware.bin appears, and replaces an older \
        one, once it is complete, its digest matches and it is on the disk. A file with a wrong digest is \
        deleted.

        The server must have a certificate for its name, and redirects must stay with HTTPS. A proxy is \
        used if the environment names one (https_proxy). Ctrl-C keeps the partial data, and ends with 130.

        Exit status: 0 the file is there, 1 it is not (wrong digest, broken off, no room), 2 usage, or a \
        file that cannot be written, 3 the server refused or could not prove itself, 4 it never answered.
        """
    )

    @Option(
      help: "The firmware's address; - reads it from standard input, so that nobody else sees it."
    )
    var url: String

    @Option(help: ArgumentHelp("The file's length.", valueName: "bytes"))
    var size: UInt64

    @Option(help: ArgumentHelp("The file's MD5 digest, 32 hexadecimal digits.", valueName: "hex"))
    var md5: String?

    @Option(
      help: ArgumentHelp("The file's SHA-256 digest, 64 hexadecimal digits.", valueName: "hex")
    )
    var sha256: String?

    @OptionGroup var to: DestinationOption

    @OptionGroup var transfer: TransferOptions

    @OptionGroup var trace: TraceOptions

    @Option(help: "How many attempts in a row may bring nothing more.")
    var attempts = 8

    @OptionGroup var output: OutputOption

    func validate() throws {
      guard (md5 == nil) != (sha256 == nil) else {
        throw ValidationError("give --md5 or --sha256, one of them")
      }
      guard digest() != nil else {
        throw ValidationError("--md5 has 32 hexadecimal digits, --sha256 64")
      }
      guard size > 0 else { throw ValidationError("--size is 1 byte or more") }
      guard attempts > 0, attempts <= 1_000 else {
        throw ValidationError("--attempts is 1 to 1,000")
      }
    }

    func run() throws {
      guard let digest = digest() else { preconditionFailure("validate has read the digest") }
      let address = try address()
      try TransferOptions.check(url: address)
      let interruption = Interruption()
      var download = FirmwareDownload(address: address, size: size, digest: digest, to: to.path)
      download.settings = try transfer.settings(interruption)
      download.maxAttempts = attempts
      watch(&download)
      let signals = InterruptSignal(interruption)
      let result: FirmwareDownload.Summary
      do throws(FirmwareDownloadError) {
        result = try download.run()
      } catch {
        throw complaint(error)
      }
      withExtendedLifetime(signals) {}
      if Console.isInteractive { Console.show("") }
      var lines = ResultLines()
      lines.add("file", "file", to.path)
      lines.add("bytes", "size", size)
      lines.add("resumed at", "resumedAt", result.resumedAt)
      lines.add("requests", "requests", UInt64(result.requests))
      lines.add("verified", "verified", md5 == nil ? "sha256" : "md5")
      lines.print(output.form)
    }

    private func digest() -> FirmwareDigest? {
      let digits = Array((md5 ?? sha256 ?? "").utf8)
      guard digits.count == (md5 == nil ? 64 : 32) else { return nil }
      return FirmwareDigest(hexadecimal: digits.span)
    }

    private func address() throws -> String {
      guard url == "-" else { return url }
      var text: [UInt8] = []
      while text.count < 16_384, !text.contains(0x0A) {
        let piece = try Console.read()
        guard !piece.isEmpty else { break }
        text += piece
      }
      return String(decoding: text.prefix { $0 > 0x20 }, as: UTF8.self)
    }

    private func watch(_ download: inout FirmwareDownload) {
      let isInteractive = Console.isInteractive
      download.onRetry = { reason, seconds in
        if isInteractive { Console.show("") }
        Console.complain("\(reason.short); again in \(seconds) s")
      }
      download.onExchange = { trace.show($0) }
      guard isInteractive else { return }
      let size = size
      var last: Instant?
      download.onProgress = { received in
        let now = MonotonicClock.now()
        if let last, received < size, now - last <= Milliseconds(200) { return }
        last = now
        Console.show("\(received * 100 / size) %, \(received) of \(size) bytes")
      }
    }

    private func complaint(_ error: FirmwareDownloadError) -> Complaint {
      if Console.isInteractive { Console.show("") }
      // A part is only left where something has come.
      if case .transfer(let reason) = error, reason == .cancelled || reason.isTemporary,
        unsafe access("\(to.path).part", F_OK) == 0
      {
        return Complaint(
          "\(error); what has come is in \(to.path).part, and another run goes on from there",
          .undelivered
        )
      }
      return Complaint(error.explanation, error.status)
    }
  }
}

extension FirmwareDownloadError {
  /// The exit status.
  var status: ExitStatus {
    switch self {
    case .transfer(let reason): reason.status
    case .status(500...), .busyServer: .undelivered
    case .status: .unauthenticated
    case .file(_, ENOSPC), .file(_, EDQUOT), .file(_, EIO): .undelivered
    case .file, .foreign: .usage
    case .size, .encoded, .range, .incomplete, .digest, .busy, .space, .installation, .library:
      .undelivered
    }
  }

  /// States what happened, without advice.
  var short: String {
    switch self {
    case .transfer(.unresolved): "the host name cannot be resolved"
    case .transfer(.unreachable): "the server cannot be reached"
    case .transfer(.stalled): "hardly anything came for too long"
    case .transfer(.broken): "the connection broke"
    case .status(let status): "the server answered with status \(status)"
    case .busyServer(let status, _): "the server is busy (\(status))"
    case .encoded: "the server compresses the file"
    case .range: "the server's answer does not join what is there"
    case .digest: "what came in parts is not the firmware"
    case .incomplete(let have, let size): "the server ended after \(have) of \(size) bytes"
    default: description
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import HTTPSTransfer
internal import Platform
internal import Synchronization

extension OTACommand {
  /// Reports the running firmware.
  struct Inform: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "inform",
      abstract: "Tells the platform which firmware the device runs.",
      usage: """
        nbiot ota inform --firmware VERSION --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example:
          nbiot ota inform --firmware 2.0.0 --product-key a1B2c3D4e5F \\
            --device-name device1 --device-secret-file secret.txt
          nbiot ota inform --firmware 2.0.0 --config agent.conf

        Once after each start, and after an upgrade: by this alone the platform sees that it succeeded \
        (device guide 4).

        \(Explanation.sources)
        """
    )

    @OptionGroup var firmware: FirmwareVersionOption

    @OptionGroup var device: DeviceOptions

    @OptionGroup var wait: WaitOptions

    func run() async throws {
      try await device.withClient(adjusting: wait.apply) {
        try await $0.inform(version: firmware.version)
      }
    }
  }

  /// Asks whether a newer firmware is available.
  struct Check: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "check",
      abstract: "Tells the platform which firmware runs and asks for a newer one.",
      usage: """
        nbiot ota check --firmware VERSION --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example:
          nbiot ota check --firmware 1.0.1 --product-key a1B2c3D4e5F \\
            --device-name device1 --device-secret-file secret.txt
          nbiot ota check --firmware 1.0.1 --config agent.conf --output json

        Prints version, size, address and digest of what the platform offers, or `none`.

        \(Explanation.sources)

        Exit status: 0 answered, with a firmware or without, 1 refused or not answered, 2 usage, 3 \
        authentication or DTLS handshake refused, 4 the endpoint never answered.
        """
    )

    @OptionGroup var firmware: FirmwareVersionOption

    @OptionGroup var device: DeviceOptions

    @OptionGroup var wait: WaitOptions

    @OptionGroup var output: OutputOption

    func run() async throws {
      let offer = try await device.withClient(adjusting: wait.apply) { client in
        try await client.inform(version: firmware.version)
        return try await client.firmware(after: firmware.version)
      }
      var lines = ResultLines()
      lines.add("offered", "offered", offer?.versionText ?? "none")
      if let offer { lines.add(offer) }
      lines.print(output.form)
    }
  }

  /// The whole upgrade, up to the verified file.
  struct Upgrade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "upgrade",
      abstract: "Asks for a newer firmware, downloads it and tells the platform how it goes.",
      usage: """
        nbiot ota upgrade --firmware VERSION --to FILE --product-key KEY
          --device-name NAME --device-secret-file FILE [options]
        """,
      discussion: """
        Example:
          nbiot ota upgrade --firmware 1.0.1 --to firmware.bin \\
            --product-key a1B2c3D4e5F --device-name device1 \\
            --device-secret-file secret.txt

        The file appears once it is complete and its digest matches. Until then the data is in FILE.part, and \
        the next run resumes from there. Install it, start it, and tell the platform with `nbiot ota inform`: \
        only that makes the upgrade a success.

        The platform is told 1 % at the start, each --progress percent more, and 100 % in the end; or -2 \
        when the download failed, -3 when the digest is wrong, -1 for the rest (device guide 4).

        \(Explanation.sources)

        Exit status: 0 the file is there, or there is nothing newer, 1 it is not there, 2 usage, or a file \
        that cannot be written, 3 refused by the platform or by the file's server, 4 the endpoint or the \
        file's server never answered.
        """
    )

    @OptionGroup var firmware: FirmwareVersionOption

    @OptionGroup var to: DestinationOption

    @OptionGroup var device: DeviceOptions

    @OptionGroup var wait: WaitOptions

    @OptionGroup var transfer: TransferOptions

    @Option(
      help: ArgumentHelp(
        "After how many percent the platform is told; each time is a message.",
        valueName: "percent"
      )
    )
    var progress: UInt8 = 50

    @OptionGroup var output: OutputOption

    func validate() throws {
      guard progress >= 1, progress <= 100 else {
        throw ValidationError("--progress is 1 to 100 percent")
      }
    }

    func run() async throws {
      let interruption = Interruption()
      let settings = try transfer.settings(interruption)
      // What would end the upgrade anyhow ends it before it costs airtime.
      try PrivateFile.checkPlace(to.path, "firmware", replaces: true)
      let last = Mutex<FirmwareDownloadError?>(nil)
      let destination = to.path
      let isInteractive = Console.isInteractive
      let trace = device.trace
      let result = try await device.withClient(adjusting: wait.apply) {
        client -> (offer: FileOffer, undelivered: Int)? in
        try await client.inform(version: firmware.version)
        guard let offer = try await client.firmware(after: firmware.version) else { return nil }
        do {
          let undelivered = try await client.upgrade(
            to: offer,
            reportingEvery: progress,
            // An interrupted download will be resumed: for the platform it has not failed.
            explanation: {
              let cause = last.withLock { $0 }
              return cause == .transfer(.cancelled) ? nil : cause?.short ?? ""
            },
            { (offer: FileOffer, progress: @Sendable (UInt8) -> Void) throws(UpgradeFailure) in
              // Only a download leaves files to put in order: anything else just ends.
              let signals = InterruptSignal(interruption)
              defer { withExtendedLifetime(signals) {} }
              var downloader = HTTPSFirmwareDownloader(to: destination)
              downloader.settings = settings
              downloader.onExchange = { trace.show("firmware: \($0)") }
              downloader.onRetry = { reason, seconds in
                if isInteractive { Console.show("") }
                Console.complain("\(reason.short); again in \(seconds) s")
              }
              do throws(UpgradeFailure) {
                try downloader.download(
                  url: offer.url.bytes,
                  size: offer.size,
                  digest: offer.digest
                ) {
                  if isInteractive { Console.show("\($0) % of \(offer.size) bytes") }
                  progress($0)
                }
              } catch {
                let cause = downloader.lastError
                last.withLock { $0 = cause }
                throw error
              }
            }
          )
          return (offer, undelivered)
        } catch let ended as UpgradeError {
          if isInteractive { Console.show("") }
          let error = last.withLock { $0 }
          var cause = error?.explanation ?? "the upgrade failed"
          if error == .transfer(.cancelled) {
            throw Complaint(
              "stopped: what has come is in \(destination).part; run it again to go on. The platform still waits",
              .undelivered
            )
          }
          if error == .transfer(.address) { cause = "the platform offers no https address" }
          let told = ended.isTold ? "was told" : "could not be told"
          throw Complaint(
            "\(cause); the platform \(told) step \(ended.failure.rawValue)",
            error == .transfer(.address) ? .undelivered : error?.status ?? .undelivered
          )
        }
      }
      if isInteractive { Console.show("") }
      var lines = ResultLines()
      lines.add("offered", "offered", result?.offer.versionText ?? "none")
      if let result {
        lines.add("file", "file", destination)
        lines.add("bytes", "size", result.offer.size)
        lines.add("verified", "verified", result.offer.digestName)
        if result.undelivered > 0 {
          lines.add("steps not told", "undeliveredSteps", UInt64(result.undelivered))
        }
      }
      lines.print(output.form)
    }
  }

  /// Reports the progress of an upgrade.
  struct Progress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "progress",
      abstract: "Tells the platform how far an upgrade is, for whoever downloads by other means.",
      usage: """
        nbiot ota progress --step NUMBER --product-key KEY --device-name NAME
          --device-secret-file FILE [options]
        """,
      discussion: """
        Example:
          nbiot ota progress --step 50 --product-key a1B2c3D4e5F \\
            --device-name device1 --device-secret-file secret.txt
          nbiot ota progress --step -3 --config agent.conf \\
            --description 'the digest is wrong'

        \(Explanation.sources)
        """
    )

    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "1 to 100 percent; -1 failed, -2 download failed, -3 wrong digest, -4 burning failed.",
        valueName: "number"
      )
    )
    var step: Int

    @Option(help: "What a person should know, at most 128 bytes.")
    var description = ""

    @OptionGroup var device: DeviceOptions

    @OptionGroup var wait: WaitOptions

    func validate() throws {
      guard (1...100).contains(step) || UpgradeFailure(rawValue: Int8(clamping: step)) != nil else {
        throw ValidationError("--step is 1 to 100, or -1 to -4")
      }
      guard description.utf8.count <= 128 else {
        throw ValidationError("--description has at most 128 bytes")
      }
    }

    func run() async throws {
      let failure = UpgradeFailure(rawValue: Int8(clamping: step))
      let told = failure.map(FirmwareStep.failed) ?? .percent(UInt8(clamping: step))
      try await device.withClient(adjusting: wait.apply) {
        try await $0.report(told, description: description)
      }
    }
  }
}

extension FileOffer {
  var versionText: String { Self.text(version.bytes) }
  var urlText: String { Self.text(url.bytes) }
  var digestName: String {
    switch digest {
    case .md5: "md5"
    case .sha256: "sha256"
    }
  }

  private static func text(_ bytes: Span<UInt8>) -> String {
    String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
  }
}

extension ResultLines {
  /// Adds a file's address and digest.
  mutating func add(_ offer: FileOffer) {
    add("bytes", "size", offer.size)
    add("address", "url", offer.urlText)
    let digits = try? Signature.text { (writer: inout ByteWriter) throws(CapacityError) in
      try offer.digest.writeHexadecimal(into: &writer)
    }
    add(offer.digestName, offer.digestName, digits ?? "")
  }
}

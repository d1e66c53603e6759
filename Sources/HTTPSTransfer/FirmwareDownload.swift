// SPDX-License-Identifier: Apache-2.0
public import Platform

/// Downloads a firmware over HTTPS (device guide 4 and 6.11); the destination is either absent or
/// complete and verified.
///
/// Partial data is in `DESTINATION.part` (mode 600). The next run resumes from it for the same
/// digest and size, even with another address, because each address is valid for 24 hours only. The
/// file is verified and synced to disk before it gets its name. It replaces an existing file of
/// that name; if that already is this firmware, nothing is downloaded.
public struct FirmwareDownload {
  /// The firmware's URL, an `https` address.
  public var address: String

  /// The size of the firmware in bytes, 1 or more.
  public var size: UInt64

  /// The digest of the firmware.
  public var digest: FirmwareDigest

  /// The path of the downloaded file.
  public var destination: String

  /// Trusted authorities and timeouts.
  public var settings = HTTPSSettings()

  /// The maximum number of attempts in a row without new bytes.
  ///
  /// Between attempts it waits 1, 2, 4 … 60 seconds, and at least as long as the server's
  /// Retry-After, up to an hour.
  public var maxAttempts = 8

  /// Receives the number of bytes downloaded, frequently.
  public var onProgress: ((_ received: UInt64) -> Void)?

  /// Receives the reason why an attempt ended, and the seconds until the next one.
  public var onRetry: ((_ reason: FirmwareDownloadError, _ seconds: Int) -> Void)?

  /// Receives a line for each request and for the head of each answer.
  ///
  /// The address is shown without its query, since the query grants access to the file.
  public var onExchange: ((_ line: String) -> Void)?

  /// Installs the complete and verified file; an error it throws is reported as step -4.
  public var install: ((_ path: String) throws(UpgradeFailure) -> Void)?

  /// Prepares a download.
  public init(address: String, size: UInt64, digest: FirmwareDigest, to destination: String) {
    self.address = address
    self.size = size
    self.digest = digest
    self.destination = destination
  }

  /// Statistics of a download.
  public struct Summary: Equatable, Sendable {
    /// The number of bytes left by an earlier run.
    public var resumedAt: UInt64
    /// The number of requests.
    public var requests: Int

    /// Creates a summary.
    package init(resumedAt: UInt64, requests: Int) {
      self.resumedAt = resumedAt
      self.requests = requests
    }
  }

  /// Downloads and verifies; blocks the calling thread until done.
  public func run() throws(FirmwareDownloadError) -> Summary {
    guard !SystemFile.isTaken(destination) else { throw .foreign(path: destination) }
    guard size > 0 else { throw .size(expected: size, found: nil) }
    if FirmwarePart.isThere(destination, size: size, digest: digest) {
      onProgress?(size)
      try installIt()
      return Summary(resumedAt: size, requests: 0)
    }
    let part = try FirmwarePart(for: destination, size: size, digest: digest)
    var result = Summary(resumedAt: part.count, requests: 0)
    do throws(FirmwareDownloadError) {
      let free = try SystemFile.freeSpace(for: destination)
      guard free >= size - part.count else {
        throw .space(needed: size - part.count, free: free)
      }
      try fetch(part, &result)
    } catch {
      // Data of another file is useless, and so is an empty part.
      if case .size = error { part.delete() } else if part.count == 0 { part.delete() }
      throw error
    }
    try part.finish(as: destination)
    try installIt()
    return result
  }

  private func installIt() throws(FirmwareDownloadError) {
    guard let install else { return }
    do throws(UpgradeFailure) { try install(destination) } catch { throw .installation }
  }

  private func fetch(
    _ part: FirmwarePart,
    _ result: inout Summary
  ) throws(FirmwareDownloadError) {
    var connection = try connect()
    var way = Way(hasJoined: part.count > 0)
    var most = part.count
    var barren = 0
    while true {
      if part.count == size {
        // The result of a single response would be the same again.
        if try part.isRight() || !way.hasJoined { return }
        onRetry?(.digest, 0)
        try way.startOver(part)
      }
      if !way.joins, part.count > 0 { try part.clear() }
      result.requests += 1
      let end = try attempt(part, &connection, &way)
      guard part.count < size else { continue }
      if end.startsOver {
        onRetry?(end.reason, 0)
        try way.startOver(part)
        continue
      }
      barren = part.count > most ? 0 : barren + 1
      most = max(most, part.count)
      guard barren < maxAttempts else { throw end.reason }
      let seconds = max(min(60, 1 << min(6, max(0, barren - 1))), end.retryAfter)
      onRetry?(end.reason, seconds)
      try wait(seconds)
    }
  }

  /// How to request the file.
  private struct Way {
    /// Whether to resume from the part.
    var joins = true
    /// Whether the part contains bytes of several responses, or of an earlier run.
    var hasJoined: Bool
    /// Whether the server compresses without being asked.
    var decodes = false
    /// The entity tag of the start of the part.
    var tag: String?
    private var restarts = 0

    init(hasJoined: Bool) { self.hasJoined = hasJoined }

    /// Requests the whole file again; from the second time on, interrupted transfers are no longer
    /// resumed.
    mutating func startOver(_ part: FirmwarePart) throws(FirmwareDownloadError) {
      restarts += 1
      joins = restarts < 2 && !decodes
      hasJoined = false
      tag = nil
      try part.clear()
    }
  }

  /// Why a request did not complete the file.
  private struct End {
    var reason: FirmwareDownloadError
    /// Whether to send another request at once.
    var startsOver = false
    /// The server's Retry-After in seconds.
    var retryAfter = 0
  }

  /// Performs one request.
  private func attempt(
    _ part: FirmwarePart,
    _ connection: inout HTTPSConnection,
    _ way: inout Way
  ) throws(FirmwareDownloadError) -> End {
    let offset = way.joins && part.count > 0 ? part.count : nil
    if offset != nil { way.hasJoined = true }
    let sink = DownloadSink(
      part,
      size: size,
      .init(offset: offset, tag: way.tag, decodes: way.decodes)
    )
    let watched = WatchedSink(sink, part, onProgress, onExchange)
    onExchange?(
      "GET \(Self.withoutQuery(address))" + (offset.map { ", bytes from \($0) on" } ?? "")
    )
    var failure: HTTPSError?
    do throws(HTTPSError) {
      try connection.get(
        address,
        from: offset,
        ifTag: way.tag,
        decodes: way.decodes,
        into: watched
      )
    } catch {
      failure = error
    }
    if sink.head.status == 200 {
      way.hasJoined = false
      way.tag = sink.head.entityTag
    }
    if let reason = sink.failure {
      if sink.isEncoded {
        way.decodes = true
        return End(reason: .encoded, startsOver: true)
      }
      guard sink.isUnjoinable else { throw reason }
      return End(reason: reason, startsOver: true)
    }
    guard let failure else {
      // A whole file that is too short, in response to a range: it may be the range without its
      // label.
      if sink.head.status == 200, offset != nil, part.count < size {
        return End(reason: .range, startsOver: true)
      }
      return End(reason: .incomplete(have: part.count, of: size))
    }
    let wait = sink.head.retryAfter ?? 0
    switch (failure, sink.head.status) {
    case (.stopped, 416) where offset != nil:
      return End(reason: .status(416), startsOver: true)
    case (.stopped, 408), (.stopped, 429), (.stopped, 500...599):
      let status = sink.head.status
      return End(
        reason: wait > 0 ? .busyServer(status: status, seconds: wait) : .status(status),
        retryAfter: wait
      )
    case (.stopped, let status): throw .status(status)
    case _ where failure.isTemporary: return End(reason: .transfer(failure))
    default: throw .transfer(failure)
    }
  }

  private static func withoutQuery(_ address: String) -> String {
    guard let query = address.firstIndex(of: "?") else { return address }
    return address[...query] + "***"
  }

  private func connect() throws(FirmwareDownloadError) -> HTTPSConnection {
    do throws(HTTPSError) {
      return try HTTPSConnection(settings)
    } catch {
      throw .transfer(error)
    }
  }

  private func wait(_ seconds: Int) throws(FirmwareDownloadError) {
    for _ in 0..<seconds * 10 {
      guard !settings.interruption.isRequested else { throw .transfer(.cancelled) }
      pause(milliseconds: 100)
    }
  }
}

/// Reports the head of the answer, and progress after each piece has been written.
private final class WatchedSink: HTTPSSink {
  private let sink: DownloadSink
  private let part: FirmwarePart
  private let onProgress: ((UInt64) -> Void)?
  private let onExchange: ((String) -> Void)?

  init(
    _ sink: DownloadSink,
    _ part: FirmwarePart,
    _ onProgress: ((UInt64) -> Void)?,
    _ onExchange: ((String) -> Void)?
  ) {
    self.sink = sink
    self.part = part
    self.onProgress = onProgress
    self.onExchange = onExchange
  }

  func begin(_ head: HTTPSHead) -> Bool {
    onExchange?(head.summary)
    return sink.begin(head)
  }

  func take(_ bytes: Span<UInt8>) -> Bool {
    let isTaken = sink.take(bytes)
    if isTaken { onProgress?(part.count) }
    return isTaken
  }
}

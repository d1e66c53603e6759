public import Platform

/// Downloads a firmware over HTTPS (device guide 4 and 6.11) so that its file is there whole and right
/// or not at all.
///
/// What has come lies in `DESTINATION.part` (mode 600), and the next run goes on from there if it is
/// for the same digest and size, even with another address: each is valid for 24 hours. Before the
/// file gets its name, its digest is checked and it is on the disk. A file that had the name before is
/// replaced, unless it is this firmware already: then nothing is downloaded.
public struct FirmwareDownload {
  /// Where the firmware is, an `https` address.
  public var address: String

  /// How many bytes it has, 1 or more.
  public var size: UInt64

  /// What it is known by.
  public var digest: FirmwareDigest

  /// The file that it becomes.
  public var destination: String

  /// Whom to trust and how patient to be.
  public var settings = HTTPSSettings()

  /// How many attempts in a row may bring nothing more; between them 1, 2, 4 … 60 seconds pass, and no less
  /// than a server asks for by Retry-After, up to an hour.
  public var maxAttempts = 8

  /// Told how many bytes are there, often.
  public var onProgress: ((_ received: UInt64) -> Void)?

  /// Told why an attempt ended, and after how many seconds the next one comes.
  public var onRetry: ((_ reason: FirmwareDownloadError, _ seconds: Int) -> Void)?

  /// Installs the whole and right file; what it throws counts as step -4.
  public var install: ((_ path: String) throws(UpgradeFailure) -> Void)?

  /// A download that is yet to run.
  public init(address: String, size: UInt64, digest: FirmwareDigest, to destination: String) {
    self.address = address
    self.size = size
    self.digest = digest
    self.destination = destination
  }

  /// What a download took.
  public struct Summary: Equatable, Sendable {
    /// How many bytes an earlier run had left.
    public var resumedAt: UInt64
    /// How many requests were made.
    public var requests: Int

    /// A download that took this.
    package init(resumedAt: UInt64, requests: Int) {
      self.resumedAt = resumedAt
      self.requests = requests
    }
  }

  /// Downloads and verifies; blocks its thread until that is done.
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
      // Nothing of another file is of use, and an empty one to nobody.
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
        // What one answer brought by itself would come again.
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

  /// How the server has to be asked.
  private struct Way {
    /// Whether what is there is gone on from.
    var joins = true
    /// Whether bytes of more than one answer, or of an earlier run, lie in the part.
    var hasJoined: Bool
    /// Whether the server compresses although nobody asked it to.
    var decodes = false
    /// The entity tag of the part's beginning.
    var tag: String?
    private var restarts = 0

    init(hasJoined: Bool) { self.hasJoined = hasJoined }

    /// Asks for all once more; when that has happened before, whatever breaks off begins anew from here on.
    mutating func startOver(_ part: FirmwarePart) throws(FirmwareDownloadError) {
      restarts += 1
      joins = restarts < 2 && !decodes
      hasJoined = false
      tag = nil
      try part.clear()
    }
  }

  /// Why a request did not bring all.
  private struct End {
    var reason: FirmwareDownloadError
    /// Whether another request brings it at once.
    var startsOver = false
    /// How long the server asks not to be asked again, in seconds.
    var retryAfter = 0
  }

  /// One request.
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
    let watched = ProgressSink(sink, part, onProgress)
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
      // A whole that comes short in answer to a range: whose end is it?
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

/// Tells of each piece after it has been taken.
private final class ProgressSink: HTTPSSink {
  private let sink: DownloadSink
  private let part: FirmwarePart
  private let onProgress: ((UInt64) -> Void)?

  init(_ sink: DownloadSink, _ part: FirmwarePart, _ onProgress: ((UInt64) -> Void)?) {
    self.sink = sink
    self.part = part
    self.onProgress = onProgress
  }

  func begin(_ head: HTTPSHead) -> Bool { sink.begin(head) }

  func take(_ bytes: Span<UInt8>) -> Bool {
    let isTaken = sink.take(bytes)
    if isTaken { onProgress?(part.count) }
    return isTaken
  }
}

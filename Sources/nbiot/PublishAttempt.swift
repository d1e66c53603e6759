// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import ReportLink
internal import SystemClocks

/// What became of sending a report once.
struct PublishAttempt: Sendable {
  /// A report of `nbiot publish`.
  struct Report: Sendable {
    let number: Int
    let topic: String
    let payload: [UInt8]
    let format: ContentFormat
  }

  var line: ResultLine
  var status: ExitStatus
  /// The time in milliseconds that the platform asks to wait before the next try, or 0.
  var wait: Int64 = 0
  /// Whether that is the device's own rest after a connection has ended.
  var isResting = false

  /// The code of the platform's reply on a topic of the thing model.
  var replyCode: UInt32? { line.result?.replyCode }

  /// Adds what an earlier try of the same report has cost.
  mutating func add(_ earlier: PublishAttempt) {
    guard let past = earlier.line.result, var result = line.result else { return }
    result.transmissions += past.transmissions
    result.bytesUp += past.bytesUp
    result.bytesDown += past.bytesDown
    line.result = result
  }

  /// Why a line that was read was not sent.
  static let interrupted = "not sent: a signal ends the program"

  /// Sends reports together, each once; what became of them, in their order.
  static func all(
    of reports: [Report],
    _ client: DeviceClient,
    _ interruption: WorkInterruption
  ) async -> [PublishAttempt] {
    let attempts = try? await interruption.run {
      await withTaskGroup(of: (Int, PublishAttempt).self) { group in
        for (index, report) in reports.enumerated() {
          // Each is in the client's queue before the next begins: they leave in the order of the lines.
          group.addImmediateTask { (index, await send(report, client)) }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      .sorted { $0.0 < $1.0 }.map(\.1)
    }
    return attempts ?? reports.map { refused($0, interrupted) }
  }

  private static func refused(_ report: Report, _ reason: String) -> PublishAttempt {
    PublishAttempt(
      line: ResultLine(
        number: report.number,
        topic: report.topic,
        outcome: .refused,
        advice: reason
      ),
      status: .undelivered
    )
  }

  private static func send(_ report: Report, _ client: DeviceClient) async -> PublishAttempt {
    let start = MonotonicClock.now()
    let before = client.traffic.reports
    do {
      let receipt = try await client.publish(
        report.payload,
        to: report.topic,
        format: report.format
      )
      return PublishAttempt(
        line: ResultLine(report.number, report.topic, receipt),
        status: .success
      )
    } catch let error as DeviceClientError {
      let passed = (MonotonicClock.now() - start).count
      let isResting = if case .resting = error { true } else { false }
      return PublishAttempt(
        line: ResultLine(report.number, report.topic, error, milliseconds: passed),
        status: error.status(hasAnswered: client.counters.roundTrips > 0),
        wait: error.wait.count,
        isResting: isResting
      )
    } catch is CancellationError {
      let sent = client.traffic.reports
      guard sent.datagramsUp > before.datagramsUp else { return refused(report, interrupted) }
      var result = ReportResult()
      result.transmissions = sent.datagramsUp - before.datagramsUp
      result.bytesUp = sent.bytesUp - before.bytesUp
      result.bytesDown = sent.bytesDown - before.bytesDown
      let line = ResultLine(
        number: report.number,
        topic: report.topic,
        outcome: .timedOut,
        result: result,
        milliseconds: (MonotonicClock.now() - start).count,
        advice:
          "a signal ended the program before an answer came: the platform may or may not have the report"
      )
      return PublishAttempt(line: line, status: .undelivered)
    } catch {
      return refused(report, "\(error)")
    }
  }
}

/// How long `nbiot publish` waits where the platform puts a report off.
struct PublishPatience {
  /// The longest that it waits in all before a report is taken, in milliseconds.
  let limit: Int64
  /// How long it has waited.
  var waited: Int64 = 0
  /// When the topic may be used again that the platform's last reply has put off.
  var heldUntil: Instant?

  /// Whether it waits for that long as well.
  func allows(_ wait: Int64) -> Bool { waited + wait <= limit }

  /// How long the topic is still put off; `nil` where it is not.
  func left(at now: Instant) -> Milliseconds? {
    guard let heldUntil, heldUntil > now else { return nil }
    return heldUntil - now
  }
}

extension DeviceClientError {
  /// How long to wait before the next try; 0 where there is none.
  fileprivate var wait: Milliseconds {
    if case .undelivered(let receipt) = self { return receipt.result.wait }
    return retryAfter
  }
}

extension ReportResult {
  /// As above; a reply on a thing-model topic that puts a report off (429, 500, 503, 6313) has no
  /// time, so it means as long as a response without one (RFC 7252 Section 5.10.5).
  fileprivate var wait: Milliseconds {
    retryAfter == Milliseconds(0) && verdict == .later && replyCode != nil
      ? Milliseconds(60_000) : retryAfter
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import CoAPLink
internal import ConstrainedCore
internal import DeviceClient
internal import Foundation
internal import MQTTLink
internal import PayloadCoding
internal import Platform
internal import PlatformMQTT
internal import Synchronization
internal import SystemClocks

/// Prints and answers what the platform sends to a device.
struct ListenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "listen",
    abstract: "Stays connected over MQTT, prints what the platform sends, and answers it.",
    usage: """
      nbiot listen --product-key KEY --device-name NAME
        --device-secret-file FILE --ca-file FILE [options]
      """,
    discussion: """
      Example, with `nbiot simulate --mqtts 8883 --certificates certificates`; without --max-wait until Ctrl-C:
        nbiot listen --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt --endpoint 127.0.0.1:8883 \\
          --ca-file certificates/ca.pem --reply 200 --max-wait 2

      Example, in a script: one object a line, and the same values in each answer:
        nbiot listen --config agent.conf --endpoint 127.0.0.1:8883 \\
          --ca-file certificates/ca.pem --max-wait 2 --output json \\
          --reply '200,{"power":"on"}'

      Example, a command that answers:
        nbiot listen --config agent.conf --endpoint 127.0.0.1:8883 \\
          --ca-file certificates/ca.pem --max-wait 2 \\
          --exec 'logger -t device "$NBIOT_KIND $NBIOT_SERVICE"; echo "{}"'

      It subscribes to all that the device guide has the platform send: property sets and gets, services, synchronous \
      calls, raw bytes, firmware, configuration, topology, disable, enable and delete; --subscribe adds topics of \
      the product's own. In another terminal `nbiot push` sends each of them from a simulator. A message that does not \
      conform to the guide or to --thing-model is refused with 460 and reported on standard error.

      Without --reply and --exec only messages that need no work are answered (config, topo-notify, disable, enable, \
      delete: 200); for all others the platform gets 400 after --answer-time. While a command runs, up to 16 further \
      messages wait, and those beyond get 429.

      The command of --exec gets the payload by standard input, and NBIOT_TOPIC, NBIOT_KIND, NBIOT_ID, NBIOT_SERVICE \
      and NBIOT_NEEDS_REPLY (yes or no). What it prints is the answer's data, one JSON object or nothing, or the bytes \
      that raw and rrpc with bytes are answered with; exit status 0 answers 200, 65 says that the parameters are wrong \
      (460), 75 that the device is busy (429), any other one 400. A synchronous call waits for 4 seconds only.

      After a lost connection it connects again, at first after a second, then with growing pauses. It ends if another \
      device has the same identity, because the two would disconnect each other forever.

      \(Explanation.sources)

      Exit status: 0 --count messages came, or --max-wait is over without --count; 1 fewer came, or an answer was not \
      accepted; 2 usage; 3 the platform refused the device or every subscription, or could not prove itself; 4 it never \
      answered; 5 standard output cannot be written; 6 another device has the same identity; 130 and 143 ended by Ctrl-C and SIGTERM.
      """
  )

  @OptionGroup var device: MQTTDeviceOptions

  @OptionGroup var answers: ListenAnswerOptions

  @Option(
    help: ArgumentHelp(
      "Print what comes on this topic filter, too; repeat it for more.",
      valueName: "filter"
    )
  )
  var subscribe: [String] = []

  @Option(help: ArgumentHelp("End after so many messages.", valueName: "number"))
  var count: Int?

  @Option(
    help: ArgumentHelp("End when so long nothing has come.", valueName: "seconds")
  )
  var maxWait: Double?

  @Option(
    help: ArgumentHelp(
      "After how long an unanswered request is answered with 400 (default: 30).",
      valueName: "seconds"
    )
  )
  var answerTime: Double?

  @Option(
    help: ArgumentHelp(
      "Refuse with 460 what this thing model (TSL) does not allow.",
      valueName: "file"
    ),
    completion: .file()
  )
  var thingModel: String?

  @OptionGroup var output: OutputOption

  func validate() throws {
    if let count, count < 1 { throw ValidationError("--count is 1 or more") }
    if let maxWait, !(0.1...31_536_000).contains(maxWait) {
      throw ValidationError("--max-wait is 0.1 to 31,536,000 seconds")
    }
    guard (0.1...3_600).contains(answerTime ?? 30) else {
      throw ValidationError("--answer-time is 0.1 to 3600 seconds")
    }
  }

  func run() async throws {
    let connection = ListenConnection()
    let client = try makeClient(connection)
    let interruption = WorkInterruption()
    let signals = interruption.listen()
    let status: ExitStatus
    do {
      status = try await listen(client, connection, interruption)
      await client.close()
    } catch var error as DeviceClientError {
      // The client tries as soon as there is an iterator, and may have failed before it was asked to connect.
      if case .resting(.failed, _) = error, let failure = connection.failure.withLock({ $0 }) {
        error = .connection(failure)
      }
      let hasAnswered = client.counters.roundTrips > 0
      await client.close()
      throw Complaint(error.explanation, error.status(hasAnswered: hasAnswered))
    }
    Self.refusals.flush()
    if interruption.isRequested { EndingSignal.endIfNoted() }
    withExtendedLifetime(signals) {}
    if status != .success { throw status.error }
  }

  private func makeClient(_ connection: ListenConnection) throws -> DeviceClient {
    let model =
      try thingModel.map(InputText.read) ?? device.names.config?.thingModel?.use(InputText.read)
    let answerTime = answerTime ?? device.names.config?.answerTime.map(Double.init) ?? 30
    return try device.makeClient { settings in
      settings.kinds = .all
      settings.topicFilters = subscribe.map(InputText.trimmed)
      settings.downlinks.timeToAnswer = Milliseconds(Int64(answerTime * 1_000))
      settings.onEvent = { event in
        switch event {
        case .connected:
          connection.isMade.store(true, ordering: .relaxed)
          connection.isRefused.store(false, ordering: .relaxed)
        case .allSubscriptionsRefused: connection.isRefused.store(true, ordering: .relaxed)
        // The first connection is tried once: what it failed by is the program's last word.
        case .connectFailed(let failure, _) where !connection.isMade.load(ordering: .relaxed):
          return connection.failure.withLock { $0 = failure }
        // So is what ends the program.
        case .disconnected(.kicked, _), .disconnected(.suspectedTwin, _): return
        default: break
        }
        Self.tell(event)
      }
    } adjusting: { configuration in
      configuration.thingModel = model
    }
  }

  private func listen(
    _ client: DeviceClient,
    _ connection: ListenConnection,
    _ interruption: WorkInterruption
  ) async throws -> ExitStatus {
    let messages = client.requests.makeAsyncIterator()
    do {
      try await interruption.run { try await client.connect() }
    } catch is CancellationError {
      return .undelivered
    }
    var number = 0
    var status = ExitStatus.success
    while !interruption.isRequested, number < count ?? .max {
      let message = try await interruption.run { try await next(messages) }
      guard let message else {
        if number == 0, !interruption.isRequested, connection.isRefused.load(ordering: .relaxed) {
          return .unauthenticated
        }
        return count == nil && !interruption.isRequested ? status : .undelivered
      }
      number += 1
      let answer = try await answers.answers.answer(to: message)
      if !Self.give(answer, to: message, output.form) { status = .undelivered }
    }
    return status
  }

  /// The next message; `nil` when the time is over, or the program is to end.
  private func next(_ messages: DeviceRequests.Iterator) async throws -> DeviceRequest? {
    let task = Task {
      var messages = messages
      return try await messages.next()
    }
    let timer = maxWait.map { seconds in
      Task {
        try await Task.sleep(for: .milliseconds(Int64(seconds * 1_000)))
        task.cancel()
      }
    }
    defer { timer?.cancel() }
    return try await withTaskCancellationHandler {
      try await task.value
    } onCancel: {
      task.cancel()
    }
  }

  /// Answers a message and prints both; whether the answer could be given.
  static func give(
    _ answer: ListenAnswer?,
    to message: DeviceRequest,
    _ form: OutputArgument
  ) -> Bool {
    var failure: DeviceRequestError?
    do throws(DeviceRequestError) {
      switch answer {
      case .code(let code, let data): try message.reply(code: code, data: data)
      case .bytes(let bytes): try message.reply(bytes: bytes)
      case nil: break
      }
    } catch {
      failure = error
    }
    let line = ListenLine(message, answer, failure)
    switch form {
    case .text: Console.print(line.text)
    case .json: line.printJSON()
    }
    if let failure { Console.complain("nbiot: \(message.topic): \(failure)") }
    return failure == nil
  }

  private static let refusals = RefusalLog()

  /// Says on standard error what becomes of the connection.
  static func tell(_ event: MQTTClientEvent) {
    func seconds(_ wait: Milliseconds) -> String { "\((wait.count + 999) / 1_000) s" }
    switch event {
    case .connected(let hasSession):
      Console.complain("nbiot: connected" + (hasSession ? ", the session goes on" : ""))
    case .connectFailed(let failure, let wait):
      Console.complain("nbiot: \(failure); the next try is in \(seconds(wait))")
    case .disconnected(let reason, let wait):
      Console.complain(
        "nbiot: \(reason); the next try is "
          + (wait.count > 0 ? "in \(seconds(wait))" : "made at once")
      )
    case .closed: break
    case .subscriptionRefused(let filter):
      Console.complain("warning: the platform refuses the subscription to \(filter)")
    case .allSubscriptionsRefused:
      Console.complain(
        "nbiot: the platform refuses every subscription, and nothing will come: check the device's topics in the "
          + "product, and its permissions"
      )
    case .dropped(let reason, let count):
      Console.complain(
        "warning: \(reason); " + (count == 1 ? "it was dropped" : "\(count) were dropped")
      )
    case .refused(let topic, let fault): refusals.warn("\(topic): \(fault)")
    case .overrun(let topic):
      refusals.warn("\(topic): messages come faster than they are answered: 429")
    case .expired: Console.complain("warning: a request was not answered in time")
    }
  }
}

/// What the client's thread tells of its connection.
private final class ListenConnection: Sendable {
  /// Whether there was one.
  let isMade = Atomic(false)
  /// Why the first try has failed.
  let failure = Mutex<MQTTLinkFailure?>(nil)
  /// Whether the platform has refused all subscriptions of the newest one.
  let isRefused = Atomic(false)
}

// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import DeviceClient
internal import Foundation
internal import PayloadCoding

/// How `nbiot listen` answers.
struct ListenAnswerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Answer everything with that code: 200, 400, 429, 460 or 100000 to 110000; with DATA, a JSON object.",
      valueName: "code[,data]"
    ),
    transform: FixedAnswer.init
  )
  var reply: FixedAnswer?

  @Option(
    help: ArgumentHelp(
      "Answer with what this shell command prints; it gets the payload by standard input.",
      valueName: "command"
    )
  )
  var exec: String?

  @Option(
    help: ArgumentHelp(
      "How long the command may run (default: 10); then it is killed, and the answer is 400.",
      valueName: "seconds"
    )
  )
  var execLimit: Double?

  func validate() throws {
    if reply != nil, exec != nil { throw ValidationError("give --reply or --exec, not both") }
    if exec == nil {
      try Contradiction.check(
        [("--exec-limit", execLimit != nil)],
        belongTo: "a command",
        give: "--exec"
      )
    }
    guard (0.1...3_600).contains(execLimit ?? 10) else {
      throw ValidationError("--exec-limit is 0.1 to 3600 seconds")
    }
    if exec?.isEmpty == true { throw ValidationError("--exec needs a command") }
  }

  /// What answers.
  var answers: ListenAnswers {
    ListenAnswers(reply: reply, exec: exec, limit: Int64((execLimit ?? 10) * 1_000))
  }
}

/// What answers the platform's messages.
struct ListenAnswers: Sendable {
  let reply: FixedAnswer?
  let exec: String?
  /// How long the command may run, in milliseconds.
  let limit: Int64

  /// The answer to a message, for which the platform may wait; `nil` where none is given.
  func answer(to request: DeviceRequest) async throws -> ListenAnswer? {
    if let reply { return request.needsReply ? reply.answer(to: request) : nil }
    guard let exec else { return nil }
    let command = AnswerCommand(command: exec, limit: limit)
    let variables = [
      "NBIOT_TOPIC": request.topic, "NBIOT_KIND": request.kindName, "NBIOT_ID": request.id,
      "NBIOT_SERVICE": request.service, "NBIOT_NEEDS_REPLY": request.needsReply ? "yes" : "no",
    ]
    let (outcome, output) = try await withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(with: Result { try command.run(request.payload, variables) })
      }
    }
    if outcome == .killed { Console.complain("nbiot: --exec: the command's time was over") }
    guard request.needsReply else { return nil }
    guard output.count <= AnswerCommand.outputLimit else {
      Console.complain("nbiot: --exec: the command printed over 16 KB")
      return .code(.requestError, [])
    }
    let code: DeviceReplyCode =
      switch outcome {
      case .ended(let status): DeviceReplyCode(exitStatus: status)
      case .killed: .requestError
      }
    if request.isBytes { return code == .success ? .bytes(output) : nil }
    let data = InputText.trimmed(output)
    guard FixedAnswer.isObject(data) else {
      Console.complain(
        "nbiot: --exec: what the command printed is no JSON object, so it is not sent"
      )
      return .code(code == .success ? .requestError : code, [])
    }
    return .code(code, data)
  }
}

/// An answer to a message.
enum ListenAnswer {
  case code(DeviceReplyCode, [UInt8])
  case bytes([UInt8])
}

/// The argument of `--reply`.
struct FixedAnswer: Sendable {
  let code: DeviceReplyCode
  let data: [UInt8]

  init(_ argument: String) throws {
    let parts = argument.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)
    guard let number = UInt64(parts[0]), let code = DeviceReplyCode(rawValue: number) else {
      throw ValidationError(
        "a device answers with 200, 400, 429, 460 or 100000 to 110000 (device guide 6.13)"
      )
    }
    self.code = code
    data = parts.count > 1 ? InputText.trimmed(Array(parts[1].utf8)) : []
    guard Self.isObject(data) else {
      throw ValidationError(
        "what follows the code is one JSON object, in which no name comes twice"
      )
    }
  }

  func answer(to request: DeviceRequest) -> ListenAnswer {
    request.isBytes ? .bytes(data) : .code(code, data)
  }

  /// Whether bytes are one JSON object, or nothing.
  static func isObject(_ data: [UInt8]) -> Bool {
    guard !data.isEmpty else { return true }
    do throws(JSONError) {
      var reader = JSONReader(data.span)
      guard try reader.next() == .beginObject else { return false }
      return try JSONReader(data.span).repeatedKey() == nil
    } catch {
      return false
    }
  }
}

extension DeviceRequest {
  /// What it is, in the words of `nbiot push`.
  var kindName: String {
    switch kind {
    case .propertySet: "property-set"
    case .propertyGet: "property-get"
    case .service: "service"
    case .synchronousCall, .customCall: "rrpc"
    case .rawDown: "raw"
    case .firmware: "firmware"
    case .configuration: "config"
    case .subDeviceConfiguration: "sub-config"
    case .topologyAddition: "topo-notify"
    case .disable: "disable"
    case .enable: "enable"
    case .delete: "delete"
    case .subDeviceError: "error"
    case .desiredValues: "desired-values"
    case nil: "message"
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import Foundation
internal import PayloadCoding
internal import PayloadValues

/// What is sent: the kinds of `PushRequest`, by the same names.
enum PushKindArgument: String, ExpressibleByArgument, CaseIterable {
  case propertySet = "property-set"
  case desired
  case propertyGet = "property-get"
  case service, raw, config, firmware, rrpc
  case topoNotify = "topo-notify"
  case subConfig = "sub-config"
  case disable, enable, delete, error, message
}

/// Sends a message from a simulator to a device, as the platform and its console do.
struct PushCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "push",
    abstract: "Sends a message from a simulator to a device over MQTT, and prints its answer.",
    usage: "nbiot push KIND --at 127.0.0.1:PORT [options]",
    discussion: """
      Example, with a simulator that runs with --mqtt 1883 --control 5690:
        nbiot push property-set --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --params '{"power":"on"}'

      Example, a service, and the same synchronously:
        nbiot push service --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --service reboot --params '{"delay":5}'
        nbiot push service --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --service reboot --params '{"delay":5}' --synchronous

      Example, bytes, and a message on a topic of the product's own:
        nbiot push raw --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --hex 020000007b00
        nbiot push message --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --topic /a1B2c3D4e5F/device1/user/get --payload hello

      Example, a firmware:
        nbiot push firmware --at 127.0.0.1:5690 --product-key a1B2c3D4e5F \\
          --device-name device1 --firmware-version 2.0.0 --size 432945 \\
          --url https://example.com/app.bin --md5 93230c3bde425a9d7984a594ac55ea1e

      The kinds are \(PushKindArgument.allCases.map(\.rawValue).joined(separator: ", ")). Each needs --params but \
      service, config, firmware, disable, enable and delete, which can do without; raw, rrpc and message need --hex or \
      --payload. config and firmware are what the simulator was started with where nothing else is given. desired sets \
      desired values, and pushes them where the device is connected. A wrong value is refused by the simulator itself \
      where it has a thing model, unless --unchecked says to send it.

      Exit status: 0 answered with 200, or sent where nothing answers; 1 answered with another code, or the device is \
      not connected or has not subscribed; 2 usage; 3 the platform itself would not do it; 4 no answer in time, or no \
      simulator.
      """
  )

  @Argument(help: "What is sent, such as property-set.")
  var kind: PushKindArgument

  @OptionGroup var control: ControlOptions

  @OptionGroup var names: NameOptions

  @Option(
    help: ArgumentHelp("The message's params, or its data.", valueName: "json|@file")
  )
  var params: String?

  @Option(help: ArgumentHelp("The service's identifier.", valueName: "id"))
  var service: String?

  @Option(help: ArgumentHelp("The payload.", valueName: "text|@file"))
  var payload: String?

  @Option(help: ArgumentHelp("The payload in hexadecimal digits.", valueName: "digits"))
  var hex: String?

  @Option(
    help: ArgumentHelp(
      "Where message goes; rrpc on a topic of the product's own.",
      valueName: "topic"
    )
  )
  var topic: String?

  @Flag(help: "Call the service synchronously.")
  var synchronous = false

  @Option(help: ArgumentHelp("Of a firmware.", valueName: "version"))
  var firmwareVersion: String?

  @Option(help: ArgumentHelp("The address of a firmware or configuration file.", valueName: "url"))
  var url: String?

  @Option(help: ArgumentHelp("The file's length.", valueName: "bytes"))
  var size: Int64?

  @Option(help: ArgumentHelp("The file's MD5 digest, 32 hexadecimal digits.", valueName: "hex"))
  var md5: String?

  @Option(help: ArgumentHelp("The file's SHA-256 digest, 64 hexadecimal digits.", valueName: "hex"))
  var sha256: String?

  @Option(help: ArgumentHelp("Of an error, such as 520.", valueName: "code"))
  var code: Int64?

  @Option(
    help: ArgumentHelp(
      "How long an answer is waited for (default: 8, rrpc 5); 0 for not at all.",
      valueName: "seconds"
    )
  )
  var wait: Double?

  @Flag(help: "Send it whatever the thing model says.")
  var unchecked = false

  @Flag(help: "Keep it for the device's /pull where that is not connected.")
  var forPull = false

  @OptionGroup var output: OutputOption

  func validate() throws {
    guard (0...3_600).contains(wait ?? 0) else {
      throw ValidationError("--wait is 0 to 3600 seconds")
    }
    guard payload == nil || hex == nil else {
      throw ValidationError("give --payload or --hex, not both")
    }
    if let hex,
      !hex.utf8.count.isMultiple(of: 2) || !hex.allSatisfy({ $0.isASCII && $0.isHexDigit })
    {
      throw ValidationError("--hex takes an even number of hexadecimal digits")
    }
    let needsBytes = [PushKindArgument.raw, .rrpc, .message].contains(kind)
    guard needsBytes == (payload != nil || hex != nil) else {
      throw ValidationError(
        needsBytes
          ? "\(kind.rawValue) needs --hex or --payload"
          : "--payload and --hex are those of raw, rrpc and message"
      )
    }
    guard (kind == .service) == (service != nil) else {
      throw ValidationError(
        kind == .service ? "service needs --service ID" : "--service is that of service"
      )
    }
    guard kind != .message || topic != nil else { throw ValidationError("message needs --topic") }
    let needsParameters: [PushKindArgument] = [
      .propertySet, .desired, .propertyGet, .topoNotify, .subConfig,
    ]
    guard params != nil || !needsParameters.contains(kind) else {
      throw ValidationError("\(kind.rawValue) needs --params")
    }
    guard kind != .error || params != nil || code != nil else {
      throw ValidationError("error needs --code, or --params")
    }
  }

  func run() throws {
    let answer = try control.ask(try request())
    if output.form == .json {
      Console.print(json: answer.encoded(.json).span)
    } else {
      Self.show(answer)
    }
    switch answer["outcome"]?.string {
    case "answered":
      if let code = answer["code"]?.integer, code != 200 { throw ExitStatus.undelivered.error }
    case "sent", "queued", "kept": return
    case "offline", "unsubscribed": throw ExitStatus.undelivered.error
    case "silent": throw ExitStatus.unreachable.error
    default: throw ExitStatus.unauthenticated.error
    }
  }

  private func request() throws -> PayloadValue {
    let milliseconds = (wait ?? (kind == .rrpc || synchronous ? 5 : 8)) * 1_000
    var members: [PayloadValue.Member] = [
      .init("do", "push"), .init("kind", .text(kind.rawValue)),
      .init("productKey", .text(names.productKey)), .init("deviceName", .text(names.deviceName)),
      .init("synchronous", .boolean(synchronous)), .init("unchecked", .boolean(unchecked)),
      .init("forPull", .boolean(forPull)), .init("wait", .integer(Int64(milliseconds))),
    ]
    if let parameters = try parameters() { members.append(.init("params", parameters)) }
    if let service { members.append(.init("service", .text(service))) }
    if let topic { members.append(.init("topic", .text(topic))) }
    if let hex { members.append(.init("payloadHex", .text(hex))) }
    if let payload {
      let digits = try Self.bytes(payload).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
      members.append(.init("payloadHex", .text(digits.joined())))
    }
    return .object(members)
  }

  private func parameters() throws -> PayloadValue? {
    if let params {
      guard let value = PayloadValue(InputText.trimmed(try Self.bytes(params)), .json) else {
        throw Complaint("--params is no JSON")
      }
      return value
    }
    switch kind {
    case .error:
      let message = code == 520 ? "device session error" : "error"
      return ["code": .integer(code ?? 0), "message": .text(message)]
    case .firmware: return try firmware()
    case .config: return try configuration()
    default: return nil
    }
  }

  /// The member `data` of a firmware, as the guide has it (6.11); `nil` for that of the simulator.
  private func firmware() throws -> PayloadValue? {
    guard firmwareVersion != nil || url != nil || size != nil else { return nil }
    guard let firmwareVersion, let url, let size, let digest = md5 ?? sha256 else {
      throw Complaint(
        "a firmware needs --firmware-version, --url, --size and --md5 or --sha256 together"
      )
    }
    var members: [PayloadValue.Member] = [
      .init("size", .integer(size)), .init("version", .text(firmwareVersion)),
      .init("url", .text(url)), .init("sign", .text(digest)),
      .init("signMethod", md5 == nil ? "Sha256" : "Md5"),
    ]
    if let md5 { members.append(.init("md5", .text(md5))) }
    return .object(members)
  }

  /// The params of a configuration, as the guide has them (6.12); `nil` for that of the simulator.
  private func configuration() throws -> PayloadValue? {
    guard url != nil || size != nil || sha256 != nil else { return nil }
    guard let url, let size, let sha256 else {
      throw Complaint("a configuration needs --url, --size and --sha256 together")
    }
    return [
      "configId": .text(sha256), "configSize": .integer(size), "sign": .text(sha256),
      "signMethod": "Sha256", "url": .text(url), "getType": "file",
    ]
  }

  /// The argument's bytes, or those of the file that it names behind @.
  private static func bytes(_ argument: String) throws -> [UInt8] {
    guard argument.hasPrefix("@") else { return Array(argument.utf8) }
    return try PrivateFile.read(String(argument.dropFirst()))
  }

  private static func show(_ answer: PayloadValue) {
    func text(_ name: String) -> String { answer[name]?.string ?? "" }
    let identifier = text("id").isEmpty ? "" : ", id \(text("id"))"
    switch answer["outcome"]?.string {
    case "answered":
      let code = answer["code"]?.integer.map { " with \($0)" } ?? ""
      let time = answer["milliseconds"]?.integer ?? 0
      let shown = text("answer").isEmpty ? text("answerHex") : text("answer")
      Console.print("answered\(code) after \(time) ms\(identifier): \(shown)")
    case "sent":
      let isAnswered = !text("answerTopic").isEmpty
      Console.print(
        "sent to \(text("topic"))\(identifier); "
          + (isAnswered ? "its answer was not waited for" : "nothing answers such a message")
      )
    default: Console.complain("nbiot: \(text("reason"))")
    }
  }
}

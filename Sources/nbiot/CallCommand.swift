// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import ArgumentParser
internal import CBORPayload
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import PayloadCoding
internal import PayloadValues

/// Sends one thing-model request.
struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Sends one request of the thing model and prints the platform's reply.",
    usage: """
      nbiot call METHOD [PARAMETERS] --product-key KEY --device-name NAME
        --device-secret-file FILE [options]
      """,
    discussion: """
      Examples:
        nbiot call thing.event.property.post '{"temperature":{"value":21.5}}' \\
          --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt
        nbiot call thing.event.alarm.post '{"value":{"errorCode":"error"}}' \\
          --config agent.conf --format cbor
        nbiot call thing.property.desired.get '["power"]' --config agent.conf
        nbiot call thing.event.property.post @properties.json \\
          --config agent.conf
        nbiot call thing.topo.get --config agent.conf --output json
        nbiot call up_raw 0x020000007b00 --config agent.conf

      Methods, with their parameters as the device guide prints them (chapter 6): \
      thing.event.property.post, thing.event.EVENT.post, thing.event.property.pack.post, \
      thing.property.desired.get and .delete, thing.deviceinfo.update and .delete, \
      thing.config.get, thing.dsltemplate.get, thing.topo.add, .delete and .get, \
      thing.list.found, thing.sub.register; and up_raw, whose bytes a script of the product's reads \
      (6.5). Parameters are JSON, for up_raw hexadecimal digits; @FILE takes them from a file and - from \
      standard input, for up_raw the bytes themselves.

      The guide's limits are checked before anything is sent. Requests have ids that begin with the time, so \
      that they do not come again for a year (6.1); a reply to another id is refused, and one without a code \
      is no success, nor is an answer without a reply. The answers of thing.sub.register hold \
      secrets: mind where they are printed. Upgrades of the firmware: see `nbiot ota`.

      \(Explanation.sources)

      Exit status: 0 done, 1 the platform refused it or did not answer, 2 usage or a limit, 3 \
      authentication or DTLS handshake refused, 4 the endpoint never answered, 5 standard output cannot be \
      written.
      """
  )

  @Argument(help: "The method.", completion: .list(AlinkCall.methods))
  var method: String

  @Argument(help: "Its parameters in JSON, for up_raw digits; @FILE or - for standard input.")
  var parameters: String?

  @OptionGroup var device: DeviceOptions

  @OptionGroup var wait: WaitOptions

  @Option(help: "What the request is sent in, and the reply asked for in.")
  var format = FormatArgument.json

  @OptionGroup(title: "Checks before anything is sent")
  var model: ModelOptions

  @OptionGroup var plain: PlainValuesOption

  @Option(
    help: ArgumentHelp(
      "For thing.topo.add: a file with the sub-device's secret in its first line.",
      valueName: "file"
    ),
    completion: .file()
  )
  var subDeviceSecretFile: String?

  @OptionGroup var output: OutputOption

  func run() async throws {
    if method == "up_raw" || method == "thing.model.up_raw" { return try await sendRaw() }
    var call = AlinkCall(method: method, parameters: try value())
    call.subDeviceSecretFile = subDeviceSecretFile
    call.usesPlainValues = plain.plainValues
    call.deviceNames = device.deviceNames.rule
    do {
      var models = DeviceClientConfiguration(productKey: "", deviceName: "")
      try model.apply(to: &models)
      model.warn(about: call.packedProducts, gateway: device.productKey)
      let answer = try await device.withClient { configuration in
        wait.apply(to: &configuration)
        configuration.thingModel = models.thingModel
        configuration.subDeviceModels = models.subDeviceModels
        configuration.thingModelRules = models.thingModelRules
      } _: { client in
        do {
          return format == .cbor
            ? try await call.send(client, as: CBORWriter.self)
            : try await call.send(client, as: JSONWriter.self)
        } catch DeviceClientError.refused(let answer) {
          return answer
        }
      }
      try show(answer)
    } catch let failure as AlinkCall.Failure {
      throw Complaint(failure.description)
    }
  }

  private func show(_ answer: AlinkAnswer) throws {
    ReplyLines(answer).print(output.form)
    guard answer.isSuccess else { throw ExitStatus.undelivered.error }
  }

  /// Sends raw bytes.
  private func sendRaw() async throws {
    let bytes = try rawBytes()
    guard (1...1_024).contains(bytes.count) else {
      throw Complaint("up_raw takes 1 to 1,024 bytes, not \(bytes.count) (device guide 3.5)")
    }
    let answer = try await device.withClient(adjusting: wait.apply) { client in
      do {
        return try await client.publishRaw(bytes)
      } catch DeviceClientError.refused(let answer) {
        return answer
      }
    }
    try show(answer)
  }

  private func rawBytes() throws -> [UInt8] {
    guard let parameters else {
      throw Complaint("up_raw takes hexadecimal digits, @FILE, or - for standard input")
    }
    let source = DataArgument(parameters)
    let given = try source.read("bytes")
    guard case .text(let text) = source else { return given }
    let digits = text.hasPrefix("0x") || text.hasPrefix("0X") ? text.dropFirst(2) : text[...]
    do throws(PayloadForm.Failure) {
      // After 0x the argument must consist of digits.
      if digits.utf8.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }) {
        return try PayloadForm.bytes(of: Array(digits.utf8), "the argument")
      }
    } catch {
      // An odd number of digits.
    }
    throw Complaint(
      "up_raw takes an even number of hexadecimal digits, @FILE, or - for standard input"
    )
  }

  private func value() throws -> PayloadValue? {
    guard let parameters else { return nil }
    let source = DataArgument(parameters)
    let given = try source.read("parameters")
    try InputText.check(given, source.name)
    let text = InputText.trimmed(given)
    guard !text.isEmpty else {
      // If the parameters are left out there may be none; an empty file or output is a failure.
      if case .text = source { return nil }
      throw Complaint("\(source.name) is empty: no parameters are in it")
    }
    do throws(JSONError) {
      var reader = JSONReader(text.span)
      while try reader.nextToken() != nil {}
    } catch {
      throw Complaint("the parameters are not JSON: \(error)")
    }
    guard let value = PayloadValue(text, .json) else {
      throw Complaint("the parameters have a name twice in an object: leave one out")
    }
    return value
  }
}

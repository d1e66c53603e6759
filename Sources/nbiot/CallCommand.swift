internal import Alink
internal import ArgumentParser
internal import CBORPayload
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import DeviceSession
internal import PayloadCoding
internal import PlatformSimulator

/// One request of the thing model.
struct CallCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "call",
    abstract: "Sends one request of the thing model and prints the platform's reply.",
    discussion: """
      Examples:
        nbiot call thing.event.property.post '{"temperature":{"value":21.5}}' …
        nbiot call thing.event.alarm.post '{"value":{"errorCode":"error"}}' --format cbor …
        nbiot call thing.property.desired.get '["power"]' …
        nbiot call thing.config.get …

      Methods, with their parameters as the device guide prints them (chapter 6):
        thing.event.property.post, thing.event.EVENT.post, thing.event.property.pack.post,
        thing.property.desired.get and .delete, thing.deviceinfo.update and .delete,
        thing.config.get, thing.dsltemplate.get, thing.topo.add, .delete and .get,
        thing.list.found, thing.sub.register

      The guide's limits are checked before anything is sent. The answers of thing.sub.register hold \
      secrets: mind where they are printed. Upgrades of the firmware: see `nbiot ota`.

      Exit status: 0 done, 1 the platform refused it or did not answer, 2 usage or a limit, 3 \
      authentication or DTLS handshake refused, 4 the endpoint never answered, 5 standard output cannot be \
      written.
      """
  )

  @Argument(help: "The method.")
  var method: String

  @Argument(help: "Its parameters in JSON; - reads them from standard input.")
  var parameters: String?

  @OptionGroup var device: DeviceOptions

  @Option(help: "What the request is sent in, and the reply asked for in.")
  var format = FormatArgument.json

  @Option(
    help: ArgumentHelp(
      "Check properties and events against this thing model (TSL) before they are sent.",
      valueName: "file"
    )
  )
  var thingModel: String?

  @Flag(help: "Send properties without a time as values alone, as the platform's C SDKs do.")
  var plainValues = false

  @Option(
    help: ArgumentHelp(
      "For thing.topo.add: a file with the sub-device's secret in its first line.",
      valueName: "file"
    )
  )
  var subDeviceSecretFile: String?

  @Option(help: "How the reply is printed.")
  var output = OutputArgument.text

  func run() async throws {
    var call = AlinkCall(method: method, parameters: try value())
    call.subDeviceSecretFile = subDeviceSecretFile
    call.usesPlainValues = plainValues
    do {
      let model = try thingModel.map(PrivateFile.read)
      let answer = try await device.withClient(adjusting: { $0.thingModel = model }) { client in
        do {
          return format == .cbor
            ? try await call.send(client, as: CBORWriter.self)
            : try await call.send(client, as: JSONWriter.self)
        } catch DeviceClientError.refused(let answer) {
          return answer
        }
      }
      ReplyLines(answer).print(output)
      guard answer.code?.isSuccess != false else { throw ExitStatus.undelivered.error }
    } catch let failure as AlinkCall.Failure {
      throw Complaint(failure.description)
    }
  }

  private func value() throws -> PlatformValue? {
    var text = parameters.map { Array($0.utf8) } ?? []
    if parameters == "-" {
      text = []
      while text.count < 65_536 {
        let piece = try Console.read()
        guard !piece.isEmpty else { break }
        text += piece
      }
      guard text.count < 65_536 else {
        throw Complaint("the parameters have over 64 KB; a message takes 1,024 bytes")
      }
    }
    guard !text.isEmpty else { return nil }
    do throws(JSONError) {
      var reader = JSONReader(text.span)
      while try reader.nextToken() != nil {}
    } catch {
      throw Complaint("the parameters are not JSON: \(error)")
    }
    guard let value = PlatformValue(text, .json) else {
      throw Complaint("the parameters have a name twice in an object: leave one out")
    }
    return value
  }
}

/// The platform's reply as it is printed.
struct ReplyLines {
  private var lines = ResultLines()

  init(_ answer: AlinkAnswer) {
    if let code = answer.code {
      lines.add("code", "code", code.rawValue)
      if !code.isSuccess { lines.add("meaning", "meaning", code.meaning) }
    } else {
      // Taken without a reply.
      lines.add("code", "code", json: Array("null".utf8))
    }
    if !answer.message.isEmpty { lines.add("message", "message", answer.message) }
    if !answer.data.isEmpty { lines.add("data", "data", json: Self.json(answer)) }
    let result = answer.receipt.result
    lines.add("bytes up", "bytesUp", UInt64(result.bytesUp))
    lines.add("bytes down", "bytesDown", UInt64(result.bytesDown))
    lines.add("milliseconds", "milliseconds", UInt64(clamping: result.duration.count))
  }

  func print(_ output: OutputArgument) { lines.print(output) }

  /// The data in JSON on one line, whatever it came in.
  private static func json(_ answer: AlinkAnswer) -> [UInt8] {
    let value = PlatformValue(answer.data, answer.format == .cbor ? .cbor : .json)
    // What holds a name twice, or bytes that JSON has not, is shown as it came.
    return value?.encoded(.json)
      ?? PlatformValue.text(RequestRecord.printable(answer.data)).encoded(.json)
  }
}

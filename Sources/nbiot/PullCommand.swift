internal import ArgumentParser
internal import CoAPLink
internal import DeviceClient
internal import PayloadCoding
internal import PayloadValues

/// Fetches messages that wait for the device.
struct PullCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pull",
    abstract: "Asks the platform for messages that wait for the device (unverified).",
    usage: """
      nbiot pull --product-key KEY --device-name NAME
        --device-secret-file FILE [options]
      """,
    discussion: """
      Example:
        nbiot pull --product-key a1B2c3D4e5F --device-name device1 \\
          --device-secret-file secret.txt
        nbiot pull --config agent.conf --max 1

      The device guide does not know this request: the platform's C SDK v4 makes it, nobody here could try \
      it, and what the platform answers is printed as it is.

      \(Explanation.sources)

      Exit status: 0 answered, 1 refused or not answered, 2 usage, 3 authentication or DTLS handshake \
      refused, 4 the endpoint never answered, 5 standard output cannot be written.
      """
  )

  @OptionGroup var device: DeviceOptions

  @Option(help: "How many messages at most, 1 to 10.")
  var max = 10

  @Option(
    help:
      "How the answer is printed: as it came, or as JSON, one that is none in hexadecimal digits."
  )
  var output = OutputArgument.text

  func validate() throws {
    guard max >= 1, max <= 10 else { throw ValidationError("--max is 1 to 10") }
  }

  func run() async throws {
    let receipt = try await device.withClient(adjusting: { $0.settings.allowsPull = true }) {
      try await $0.pull(maxMessages: max)
    }
    guard !receipt.answer.isEmpty else {
      return Console.complain("nothing waits for the device")
    }
    // The platform has forgotten them.
    Console.printOnce(
      output == .text
        ? ReadableText.unlabelled(receipt.answer) : Self.json(receipt.answer)
    )
  }

  /// The answer if it is JSON, otherwise an object with its bytes.
  private static func json(_ answer: [UInt8]) -> String {
    do throws(JSONError) {
      var reader = JSONReader(answer.span)
      while try reader.nextToken() != nil {}
      if let text = ReadableText.plain(answer.span, keepsLines: false) { return text }
    } catch {
      // It is something else.
    }
    let digits = answer.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    return #"{"answerHex":"\#(digits)"}"#
  }
}

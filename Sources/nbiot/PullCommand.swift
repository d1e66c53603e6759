// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import ConstrainedCore
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

      The device guide does not have this request; the platform's C SDK v4 sends it, and it has not been tried against \
      the platform. The answer is printed as it came; with --output json an answer that is not JSON is printed as \
      {"answerHex":"…"}.

      \(Explanation.sources)

      Exit status: 0 answered, 1 refused or not answered, 2 usage, 3 authentication or DTLS handshake \
      refused, 4 the endpoint never answered, 5 standard output cannot be written.
      """
  )

  @OptionGroup var device: DeviceOptions

  @OptionGroup var wait: WaitOptions

  @Option(help: "How many messages at most, 1 to 10.")
  var max = 10

  @OptionGroup var output: OutputOption

  func validate() throws {
    guard max >= 1, max <= 10 else { throw ValidationError("--max is 1 to 10") }
    guard device.transport == .coap else {
      throw ValidationError(
        "/pull is for CoAP: over MQTT the platform sends by itself, to nbiot listen, and over HTTPS not at all"
      )
    }
  }

  func run() async throws {
    let receipt = try await device.withClient { configuration in
      wait.apply(to: &configuration)
      configuration.settings.allowsPull = true
    } _: {
      try await $0.pull(maxMessages: max)
    }
    guard !receipt.answer.isEmpty else {
      return Console.complain("nothing waits for the device")
    }
    // The platform has forgotten them.
    Console.printOnce(
      output.form == .text
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
    return #"{"answerHex":"\#(String(hexadecimal: answer.span))"}"#
  }
}

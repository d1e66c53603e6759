// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import ConstrainedCore
internal import Foundation
internal import PlatformCredentials

/// Passwords of OPC UA servers in a gateway's configuration (device guide 6.7).
struct OPCUACommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "opcua",
    abstract: "Encrypts and decrypts the passwords of OPC UA servers (device guide 6.7).",
    discussion: """
      Example, what a gateway's configuration must contain, and what one contains:
        nbiot opcua encrypt --device-secret-file secret.txt \\
          < password.txt > encrypted.txt
        nbiot opcua decrypt --device-secret-file secret.txt < encrypted.txt

      The password is one line of standard input, never an argument, which every user of the machine \
      could read. The secret, 16, 24 or 32 characters, comes from a file, from the environment \
      variable NBIOT_DEVICE_SECRET, or from the file that a configuration of nbiot-agent names (--config); it is that of the device which gets the configuration.

      This is the platform's design: the secret alone is the key, and nothing authenticates the text.

      Exit status: 0 done, 1 not encrypted with this secret, 2 usage, 5 standard output cannot be \
      written.
      """,
    subcommands: [Encrypt.self, Decrypt.self]
  )

  /// A line of standard input without its line end; the caller wipes it.
  fileprivate static func readLine(_ what: String) throws -> [UInt8] {
    if Console.isInputInteractive {
      Console.complain("type the \(what) and Enter; it is shown as you type")
    }
    var line: [UInt8] = []
    line.reserveCapacity(4_096)
    while line.count <= 2_048, !line.contains(0x0A) {
      var piece = try Console.read()
      defer { Secret.erase(&piece) }
      guard !piece.isEmpty else { break }
      line += piece.prefix(2_049)
    }
    defer { Secret.erase(&line) }
    return Array(line.prefix { $0 != 0x0A && $0 != 0x0D })
  }

  /// Runs `body` with the secret, the line and an output, and prints the output.
  fileprivate static func convert(
    _ line: [UInt8],
    _ option: DeviceSecretOption,
    _ config: ConfigurationFile?,
    _ body: (
      Span<UInt8>, Span<UInt8>, inout ByteWriter
    ) throws(OPCUAPasswordError) -> Void
  ) throws {
    var secret = try option.load(config)
    defer { Secret.erase(&secret) }
    var buffer = [UInt8](repeating: 0, count: 512)
    defer { Secret.erase(&buffer) }
    let count: Int
    do throws(OPCUAPasswordError) {
      var writer = ByteWriter(buffer.mutableSpan)
      try body(line.span, secret.span, &writer)
      count = writer.count
    } catch {
      throw Complaint(error.description, error == .unreadable ? .undelivered : .usage)
    }
    Console.print(raw: buffer.span.extracting(0..<count))
  }

  /// Encrypts a password for the field.
  struct Encrypt: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "encrypt",
      abstract: "Encrypts the password on standard input; prints Base64.",
      discussion: """
        Example:
          nbiot opcua encrypt --device-secret-file secret.txt < password.txt
        """
    )

    @OptionGroup var secret: DeviceSecretOption

    @OptionGroup var file: ConfigurationOption

    func run() throws {
      var line = try OPCUACommand.readLine("password")
      defer { Secret.erase(&line) }
      try OPCUACommand.convert(line, secret, file.config) {
        (line, secret, writer) throws(OPCUAPasswordError) in
        try OPCUAPassword.encrypt(line, secret: secret, into: &writer)
      }
    }
  }

  /// Decrypts the field.
  struct Decrypt: ParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "decrypt",
      abstract: "Decrypts the Base64 on standard input; prints the password.",
      discussion: """
        Example, with what `nbiot opcua encrypt` has printed:
          nbiot opcua decrypt --device-secret-file secret.txt < encrypted.txt
        """
    )

    @OptionGroup var secret: DeviceSecretOption

    @OptionGroup var file: ConfigurationOption

    func run() throws {
      var line = try OPCUACommand.readLine("encrypted password")
      defer { Secret.erase(&line) }
      try OPCUACommand.convert(line, secret, file.config) {
        (line, secret, writer) throws(OPCUAPasswordError) in
        try OPCUAPassword.decrypt(line, secret: secret, into: &writer)
      }
    }
  }
}

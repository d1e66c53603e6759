// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import DeviceClient
internal import FoundationEssentials
internal import Glibc
internal import Inspection
internal import PayloadCoding
internal import PayloadValues
internal import Platform
internal import PlatformCoAP

/// Data given by an argument: the text itself, a file's name after @, or - for standard input.
enum DataArgument: Equatable {
  case text(String)
  case file(String)
  case standardInput

  /// The limit in bytes, more than any payload may have, whatever it is converted from.
  static let limit = 65_536

  /// Parses the argument; @@ stands for an initial @ of the text itself.
  init(_ argument: String) {
    if argument == "-" || argument == "@-" {
      self = .standardInput
    } else if argument.hasPrefix("@@") {
      self = .text(String(argument.dropFirst()))
    } else if argument.hasPrefix("@") {
      self = .file(String(argument.dropFirst()))
    } else {
      self = .text(argument)
    }
  }

  /// The name of the source in error messages.
  var name: String {
    switch self {
    case .text: "the text"
    case .file(let path): "the file \(path)"
    case .standardInput: "standard input"
    }
  }

  /// All bytes of the data; an error names the data as `what`.
  func read(_ what: String, limit: Int = limit) throws -> [UInt8] {
    switch self {
    case .text(let text): return Array(text.utf8)
    case .file(let path): return try Self.read(path, what, limit)
    case .standardInput:
      if Console.isInputInteractive {
        Console.complain("nbiot: type the \(what); Ctrl-D ends it")
      }
      var bytes: [UInt8] = []
      while bytes.count <= limit {
        let piece = try Console.read()
        guard !piece.isEmpty else { return bytes }
        bytes += piece
      }
      throw Complaint(
        "standard input has over \(limit / 1_024) KiB: \(Self.most(limit)) for the \(what)"
      )
    }
  }

  private static func read(_ path: String, _ what: String, _ limit: Int) throws -> [UInt8] {
    guard !path.isEmpty else {
      throw Complaint(
        "a file's name is missing behind @ (a text that begins with @ is written with @@)"
      )
    }
    return try read(path, what, limit, "give a regular one, or - with it as standard input")
  }

  /// All bytes of the file that an option names.
  static func read(
    _ option: String,
    _ path: String,
    _ what: String,
    limit: Int
  ) throws -> [UInt8] {
    guard !path.isEmpty else { throw Complaint("\(option): a file's name is missing") }
    return try read(path, what, limit, "give a regular one")
  }

  private static func read(
    _ path: String,
    _ what: String,
    _ limit: Int,
    _ advice: String
  ) throws -> [UInt8] {
    let (descriptor, status) = try PrivateFile.open(path, advice: advice)
    defer { close(descriptor) }
    guard status.st_size <= limit else {
      throw Complaint(
        "the file \(path) has \(status.st_size) bytes: \(most(limit)) for the \(what)"
      )
    }
    // Files in /proc report a length of 0.
    guard let bytes = try? Descriptor.read(descriptor, upTo: limit + 1) else {
      throw Complaint("the file \(path) cannot be read: check the disk")
    }
    guard bytes.count <= limit else {
      throw Complaint(
        "the file \(path) has over \(limit / 1_024) KiB: \(most(limit)) for the \(what)"
      )
    }
    return bytes
  }

  /// What a message takes at most, for input of which so many bytes are read; a limit of whole mebibytes is that of a file.
  static func most(_ limit: Int) -> String {
    guard limit % 1_048_576 > 0 else { return "nbiot reads at most \(limit >> 20) MiB" }
    // Hexadecimal digits take five times as much.
    let most =
      switch limit {
      case Self.limit: "1,024"
      case HTTPSClientSettings.maxPayload, 5 * HTTPSClientSettings.maxPayload: "131,072"
      default: "262,144"
      }
    return "a message takes at most \(most) bytes"
  }
}

/// The format of payloads.
enum PayloadFormat: String, ExpressibleByArgument, CaseIterable {
  case json, cbor
  case octetStream = "octet-stream"

  var contentFormat: ContentFormat {
    switch self {
    case .json: .json
    case .cbor: .cbor
    case .octetStream: .octetStream
    }
  }
}

/// How a payload is made from the input.
struct PayloadForm {
  /// Why no payload can be made, in a sentence.
  struct Failure: Error {
    let description: String
  }

  let format: PayloadFormat
  /// Whether the input is hexadecimal.
  let isHexadecimal: Bool
  /// The longest payload, in bytes.
  var limit = PlatformRequest.maxPayload

  /// The longest input, in bytes: hexadecimal digits and the spaces between them are up to five times as many.
  var inputLimit: Int { max(DataArgument.limit, isHexadecimal ? 5 * limit : limit) }

  /// The payload; an error names the input as `what`.
  func payload(of given: [UInt8], _ what: String) throws(Failure) -> [UInt8] {
    if isHexadecimal { return try Self.bytes(of: given, what) }
    guard format == .cbor else { return given }
    do throws(JSONError) {
      // Text left at a file's ends by an editor is not JSON.
      return try PayloadConversion.cbor(fromJSON: InputText.trimmed(given))
    } catch {
      throw Failure(description: "\(what) is not JSON: \(error)")
    }
  }

  /// The payload given by an argument; ends the program if it cannot be sent.
  func payload(of argument: String) throws -> [UInt8] {
    let source = DataArgument(argument)
    do {
      let payload = try payload(of: try source.read("payload", limit: inputLimit), source.name)
      guard payload.count <= limit else {
        switch limit {
        case PlatformRequest.maxPayload:
          throw Complaint(DeviceError.payloadTooLong(payload.count).description)
        case HTTPSClientSettings.maxPayload:
          throw Complaint(DeviceClientError.httpsPayloadTooLong(payload.count).description)
        default: throw Complaint(DeviceClientError.payloadTooLong(payload.count).description)
        }
      }
      return payload
    } catch let failure as Failure {
      throw Complaint("--payload: \(failure.description)")
    } catch let complaint as Complaint {
      throw Complaint("--payload: \(complaint.message)", complaint.status)
    }
  }

  /// The bytes of hexadecimal input, with the separators accepted by `nbiot inspect`, on any number
  /// of lines.
  static func bytes(of digits: [UInt8], _ what: String) throws(Failure) -> [UInt8] {
    var lines = HexLines()
    for byte in InputText.trimmed(digits) {
      _ = lines.take(byte == UInt8(ascii: "\n") ? UInt8(ascii: " ") : byte)
    }
    guard let line = lines.finish() else { return [] }
    if let error = line.error {
      throw Failure(description: "\(what) is not hexadecimal: \(error.description)")
    }
    return line.bytes
  }
}

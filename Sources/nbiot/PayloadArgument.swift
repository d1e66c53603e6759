internal import ArgumentParser
internal import CoAPLink
internal import CoAPMessage
internal import ConstrainedCore
internal import Foundation
internal import Inspection
internal import PayloadCoding
internal import PayloadValues
internal import Platform
internal import PlatformCoAP

/// Data that an argument gives: itself, a file's name after @, or - for standard input.
enum DataArgument: Equatable {
  case text(String)
  case file(String)
  case standardInput

  /// More than any payload may have, whatever it is converted from.
  static let limit = 65_536

  /// Reads the argument; @@ stands for a text's own @ at its start.
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

  /// What is said of it where it does not do.
  var name: String {
    switch self {
    case .text: "the text"
    case .file(let path): "the file \(path)"
    case .standardInput: "standard input"
    }
  }

  /// The bytes, every one of them; `what` they are is said where they cannot be read.
  func read(_ what: String) throws -> [UInt8] {
    switch self {
    case .text(let text): return Array(text.utf8)
    case .file(let path): return try Self.read(path, what)
    case .standardInput:
      if Console.isInputInteractive {
        Console.complain("nbiot: type the \(what); Ctrl-D ends it")
      }
      var bytes: [UInt8] = []
      while bytes.count <= Self.limit {
        let piece = try Console.read()
        guard !piece.isEmpty else { return bytes }
        bytes += piece
      }
      throw Complaint("standard input has over 64 KiB: \(Self.most) for the \(what)")
    }
  }

  private static func read(_ path: String, _ what: String) throws -> [UInt8] {
    guard !path.isEmpty else {
      throw Complaint(
        "a file's name is missing behind @ (a text that begins with @ is written with @@)"
      )
    }
    let (descriptor, status) = try PrivateFile.open(
      path,
      advice: "give a regular one, or - with it as standard input"
    )
    let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    guard status.st_size <= limit else {
      throw Complaint("the file \(path) has \(status.st_size) bytes: \(most) for the \(what)")
    }
    do {
      // A file of /proc says that it has none.
      let data = try handle.read(upToCount: limit + 1) ?? Data()
      guard data.count <= limit else {
        throw Complaint("the file \(path) has over 64 KiB: \(most) for the \(what)")
      }
      return Array(data)
    } catch let complaint as Complaint {
      throw complaint
    } catch {
      throw Complaint("the file \(path) cannot be read: check the disk")
    }
  }

  private static let most = "a message takes at most 1,024 bytes"
}

/// What payloads are sent as.
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

/// How a payload is made of what was given.
struct PayloadForm {
  /// Why none can be made, in a sentence.
  struct Failure: Error {
    let description: String
  }

  let format: PayloadFormat
  /// Whether digits are given.
  let isHexadecimal: Bool

  /// The payload; `what` was given is said where that cannot be.
  func payload(of given: [UInt8], _ what: String) throws(Failure) -> [UInt8] {
    if isHexadecimal { return try Self.bytes(of: given, what) }
    guard format == .cbor else { return given }
    do throws(JSONError) {
      // What an editor leaves at a file's ends is no JSON.
      return try PayloadConversion.cbor(fromJSON: InputText.trimmed(given))
    } catch {
      throw Failure(description: "\(what) is not JSON: \(error)")
    }
  }

  /// The payload that an argument gives, which ends the program where it cannot be sent.
  func payload(of argument: String) throws -> [UInt8] {
    let source = DataArgument(argument)
    do {
      let payload = try payload(of: try source.read("payload"), source.name)
      guard payload.count <= PlatformRequest.maxPayload else {
        throw Complaint(DeviceError.payloadTooLong(payload.count).description)
      }
      return payload
    } catch let failure as Failure {
      throw Complaint("--payload: \(failure.description)")
    } catch let complaint as Complaint {
      throw Complaint("--payload: \(complaint.message)", complaint.status)
    }
  }

  /// The bytes whose hexadecimal digits are given, with what `nbiot inspect` takes between them, on any number
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

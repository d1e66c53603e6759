// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPExchange
internal import CoAPMessage
internal import OpenSSLSupport
internal import Platform
internal import PlatformCoAP
internal import PlatformHTTPS
internal import PlatformMQTT

/// The security layers that the command line offers.
enum SecurityArgument: String, ExpressibleByArgument, CaseIterable {
  case symmetric, dtls
}

/// How DTLS sessions are resumed.
enum ResumptionArgument: String, ExpressibleByArgument, CaseIterable {
  case id, ticket, none

  var resumption: DTLSContext.Resumption {
    switch self {
    case .id: .sessionID
    case .ticket: .ticket
    case .none: .none
    }
  }
}

/// How results are printed.
enum OutputArgument: String, ExpressibleByArgument, CaseIterable {
  case text, json
}

/// The format of payloads.
enum FormatArgument: String, ExpressibleByArgument, CaseIterable {
  case json, cbor

  var contentFormat: ContentFormat { self == .json ? .json : .cbor }
}

/// The rule for device names.
enum DeviceNamesArgument: String, ExpressibleByArgument, CaseIterable {
  case current, guide

  var rule: DeviceNameRule { self == .current ? .current : .guide }
}

/// The presets of `TransmissionParameters`.
enum TimingArgument: String, ExpressibleByArgument, CaseIterable {
  case standard, lteM, nbIoT, nbIoTDeep

  var parameters: TransmissionParameters {
    switch self {
    case .standard: .standard
    case .lteM: .lteM
    case .nbIoT: .nbIoT
    case .nbIoTDeep: .nbIoTDeep
    }
  }
}

/// The names of the field `signmethod`.
enum SignMethodArgument: String, ExpressibleByArgument, CaseIterable {
  case hmacmd5, hmacsha1, hmacsha256

  var method: SignMethod {
    switch self {
    case .hmacmd5: .hmacMD5
    case .hmacsha1: .hmacSHA1
    case .hmacsha256: .hmacSHA256
    }
  }
}

/// The two modes of the field `ackMode`, by name or number.
enum AckModeArgument: String, ExpressibleByArgument, CaseIterable {
  case piggybacked, separate

  init?(argument: String) {
    switch argument {
    case "piggybacked", "0": self = .piggybacked
    case "separate", "1": self = .separate
    default: return nil
    }
  }

  var mode: AcknowledgementMode { self == .piggybacked ? .piggybacked : .separate }
}

/// The simulator's rule for sequence numbers.
enum SequenceRuleArgument: String, ExpressibleByArgument, CaseIterable {
  case greater, greaterOrEqual
}

/// The formats that a report may request for its answer.
enum AcceptArgument: String, ExpressibleByArgument, CaseIterable {
  case json, cbor
  case octetStream = "octet-stream"
  case none

  var contentFormat: ContentFormat? {
    switch self {
    case .json: .json
    case .cbor: .cbor
    case .octetStream: .octetStream
    case .none: nil
    }
  }
}

/// The numbers of the option that carries the token.
enum TokenOptionArgument: String, ExpressibleByArgument, CaseIterable {
  case current = "2088"
  case legacy = "61"

  var option: TokenOption { self == .current ? .current : .legacy }
}

/// The platform's address, an `EndpointText`.
struct EndpointArgument {
  let host: String
  let port: UInt16?
  /// The protection selected by a URI's scheme; `nil` without a scheme.
  let security: SecurityArgument?
  /// The transport of MQTT selected by a URI's scheme; `nil` without such a scheme.
  let mqtt: MQTTTransport?
  /// Whether the scheme is `https`.
  let isHTTPS: Bool
  /// The source of the value.
  let origin: String

  /// Parses an option's value; an error ends the program with its reason.
  static func read(_ text: String) throws -> EndpointArgument {
    do throws(EndpointError) {
      return try EndpointArgument(text, "--endpoint")
    } catch {
      // ArgumentParser names option and value.
      throw ValidationError("\(error)")
    }
  }

  /// Parses a setting; an error ends the program with its reason and the setting's source.
  init(_ setting: Setting<String>) throws {
    do throws(EndpointError) {
      try self.init(setting.value, setting.origin)
    } catch {
      throw ValidationError("\(setting.origin) \(setting.value): \(error)")
    }
  }

  private init(_ text: String, _ origin: String) throws(EndpointError) {
    var bytes = Array(text.utf8)
    let scheme = MQTTScheme(bytes.span)
    let https = HTTPSScheme(bytes.span)
    if let range = scheme?.endpoint ?? https?.endpoint { bytes = Array(bytes[range]) }
    let endpoint = try EndpointText(bytes.span)
    // Two schemes, one behind the other.
    guard scheme == nil && https == nil || endpoint.scheme == .none else { throw .scheme }
    mqtt = scheme?.transport
    isHTTPS = https != nil
    self.origin = origin
    host = String(decoding: bytes[endpoint.host], as: UTF8.self)
    port = endpoint.port == 0 ? nil : endpoint.port
    security =
      switch endpoint.scheme {
      case .none: nil
      case .coap: .symmetric
      case .coaps: .dtls
      }
  }
}

/// Milliseconds since 1970, or `now`.
struct TimestampArgument: ExpressibleByArgument {
  let milliseconds: UInt64
  /// Whether it is this machine's time.
  let isNow: Bool

  init?(argument: String) {
    isNow = argument == "now"
    if isNow {
      milliseconds = Clock.millisecondsSince1970()
    } else if let number = UInt64(argument) {
      milliseconds = number
    } else {
      return nil
    }
  }
}

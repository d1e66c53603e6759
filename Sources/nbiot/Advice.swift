// SPDX-License-Identifier: Apache-2.0
internal import CoAPLink
internal import CoAPMessage
internal import DeviceClient
internal import HTTPSLayer
internal import HTTPSLink
internal import HTTPSTransfer
internal import MQTTLayer
internal import MQTTLink
internal import PlatformMQTT
internal import SecurityLayer

/// What to type about an error: the libraries say what happened and why, and know no command line.
struct Advice {
  /// The option that it is about; a command without it does not give the advice.
  let option: String

  /// The advice, which names the option.
  let text: String
}

// MARK: - The table

extension Advice {
  /// What to type about a handshake that failed.
  static func about(_ failure: HandshakeFailure) -> Advice? {
    switch failure {
    case .nothingInCommon:
      Advice(option: "--legacy-suites", text: "--legacy-suites offers static RSA and CBC, too")
    case .certificateWanted:
      Advice(
        option: "--certificate-file",
        text: "give the device's own with --certificate-file and --key-file"
      )
    case .unknownIdentity:
      Advice(option: "--psk-identity", text: "--psk-identity and --psk-key-file give your own")
    case .unknownAuthority:
      Advice(option: "--ca-file", text: "--ca-file names the file of authorities")
    case .wrongName:
      Advice(
        option: "--server-name",
        text: "--server-name gives the name, and --allow-common-name lets the common name count"
      )
    default: nil
    }
  }

  /// What to type about an authentication or a registration that failed.
  static func about(_ failure: AuthenticationFailure) -> Advice? {
    switch failure {
    case .handshake(let failure): about(failure)
    case .security(.messageTooLong): longerRecords
    default: nil
    }
  }

  /// What to type about a report that was not taken, where the platform says why and where it does not.
  static func about(_ result: ReportResult) -> Advice? {
    switch result.outcome {
    case .rejected:
      switch result.code {
      case .badOption:
        Advice(option: "--token-option", text: "--token-option says which option carries the token")
      case .notAcceptable:
        Advice(option: "--accept", text: "--accept says which format is asked for")
      default: nil
      }
    case .timedOut: Advice(option: "--timing", text: "--timing nbIoT is for slow links")
    case .unauthenticated(let failure): about(failure)
    case .handshake(let failure): about(failure)
    case .unsealable(.messageTooLong): longerRecords
    default: nil
    }
  }

  /// What to type about a client's error.
  static func about(_ error: DeviceClientError) -> Advice? {
    switch error {
    case .authentication(let failure, _), .registration(let failure, _): about(failure)
    case .undelivered(let receipt): about(receipt.result)
    case .httpsSettings(.signMethod):
      Advice(option: "--sign-method", text: "give --sign-method hmacmd5 or hmacsha1")
    case .httpsAuthentication(let failure, _, _), .httpsReport(let failure, _, _): about(failure)
    case .connection(let failure), .mqttRegistration(.connecting(let failure)): about(failure)
    default: nil
    }
  }

  /// What to type about a connection over MQTT that did not come about.
  static func about(_ failure: MQTTLinkFailure) -> Advice? {
    switch failure {
    case .connection(.unknownAuthority), .connection(.certificate):
      Advice(option: "--ca-file", text: "--ca-file names the file of authorities")
    case .connection(.handshake):
      Advice(option: "--plain", text: "--plain is for a port without TLS")
    case .refused(.credentials), .refused(.identifier):
      Advice(option: "--sign-method", text: "--sign-method says which HMAC signs")
    default: nil
    }
  }

  /// What to type about a device over HTTPS that was not accepted.
  static func about(_ failure: HTTPSLinkFailure) -> Advice? {
    switch failure {
    case .transfer(.unknownAuthority), .transfer(.certificate):
      Advice(option: "--ca-file", text: "--ca-file names the file of authorities")
    default: nil
    }
  }

  /// What to type about a server of HTTPS.
  static func about(_ error: HTTPSError) -> Advice? {
    switch error {
    case .certificate:
      Advice(
        option: "--https-ca-file",
        text: "--https-ca-file names the authorities that vouch for it"
      )
    case .stalled: Advice(option: "--patience", text: "--patience says how long is too long")
    default: nil
    }
  }

  private static var longerRecords: Advice {
    Advice(option: "--max-fragment", text: "--max-fragment asks for records of that size")
  }
}

// MARK: - With the error's own words

extension Receipt {
  /// What happened to the report and what to type; `nil` for an acknowledged one.
  var explanation: String? { advice.map { $0.followed(by: .about(result)) } }
}

extension DeviceClientError {
  /// What happened and what to type.
  var explanation: String { description.followed(by: .about(self)) }

  /// The same for a command that has only these options.
  func explanation(_ options: Set<String>) -> String {
    let advice = Advice.about(self)
    return description.followed(by: advice.flatMap { options.contains($0.option) ? $0 : nil })
  }
}

extension HTTPSError {
  /// What happened and what to type.
  var explanation: String { description.followed(by: .about(self)) }
}

extension FirmwareDownloadError {
  /// What happened and what to type.
  var explanation: String {
    guard case .transfer(let error) = self else { return description }
    return description.followed(by: .about(error))
  }
}

extension String {
  fileprivate func followed(by advice: Advice?) -> String {
    advice.map { "\(self); \($0.text)" } ?? self
  }
}

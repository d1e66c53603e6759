// SPDX-License-Identifier: Apache-2.0
internal import OpenSSLSupport
internal import SecurityLayer

extension HandshakeFailure {
  /// Translates the end of an association that was not established.
  init(_ failure: DTLSFailure, usesPreSharedKey: Bool) {
    switch failure {
    case .timedOut(hasAnswer: false): self = .noAnswer
    case .timedOut(hasAnswer: true): self = .unconfirmed
    case .closed: self = .alert(0)
    case .certificate(let code): self.init(certificate: code)
    case .alert(let number): self.init(alert: number, usesPreSharedKey: usesPreSharedKey)
    case .library(let code): self.init(library: code)
    }
  }

  /// OpenSSL's x509_vfy.h.
  private init(certificate code: Int32) {
    switch code {
    // Unknown issuer, a signature by another issuer of that name, a self-signed certificate in the
    // chain or as the leaf, or an unverifiable leaf signature.
    case 2, 7, 18, 19, 20, 21, 27: self = .unknownAuthority
    case 9, 11: self = .notYetValid
    case 10, 12: self = .expired
    case 24, 32, 79: self = .invalidAuthority
    case 26: self = .wrongPurpose
    case 62, 64: self = .wrongName
    case 66, 67: self = .weakKey
    case 68: self = .weakSignature
    default: self = .certificate(code: code)
    }
  }

  /// RFC 5246 Section 7.2 and RFC 4279 Section 2.
  private init(alert number: UInt8, usesPreSharedKey: Bool) {
    switch number {
    case 40, 71: self = .nothingInCommon
    case 70: self = .oldVersion
    case 115: self = .unknownIdentity
    case 20 where usesPreSharedKey, 51 where usesPreSharedKey: self = .wrongKey
    default: self = .alert(number)
    }
  }

  /// OpenSSL's sslerr.h.
  private init(library code: UInt) {
    switch OpenSSLError(packed: code).reason {
    case .unsupportedVersion: self = .oldVersion
    case .weakSignature: self = .weakSignature
    case .weakKey: self = .weakKey
    case .nothingInCommon, .unknownIdentity, .other: self = .library(code: code)
    }
  }
}

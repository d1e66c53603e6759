// SPDX-License-Identifier: Apache-2.0
internal import CoAPMessage
internal import ConstrainedCore
public import PayloadCoding
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer

/// `/auth` in a format other than JSON.
extension CoAPLink where Security: ~Copyable {
  /// From now on writes `/auth` with `writer`, requests the answer in the same format, and reads it
  /// with `reader`; an answer in JSON is still read.
  ///
  /// Unverified: device guide 3.6 lists CBOR among the formats of `/auth`, without an example, and
  /// no known client sends it. A SMALL build supports only JSON, and traps here.
  public mutating func authenticate<
    Writer: PayloadWriter & ~Copyable & ~Escapable,
    Reader: PayloadReader & ~Escapable
  >(as writer: Writer.Type, reading reader: Reader.Type) {
    authenticationForm = AuthenticationForm(
      format: ContentFormat(rawValue: Writer.contentFormat),
      write: {
        (fields, identity, signature, output: inout ByteWriter) throws(CapacityError) in
        try fields.writePayload(identity, signature: signature, as: Writer.self, into: &output)
      },
      read: { (payload, answer: inout AuthenticationAnswer) throws(AuthenticationAnswerError) in
        // A JSON object begins with an ASCII character, a CBOR map with 0x80 or above.
        if payload.count > 0, payload[0] < 0x80 {
          try answer.read(payload)
        } else {
          try answer.read(from: Reader(received: payload))
        }
      }
    )
  }

  /// Writes `/auth` and reads its answer.
  ///
  /// Functions, so that programs that do not use them do not link their code.
  struct AuthenticationForm {
    let format: ContentFormat
    let write:
      (AuthenticationRequest, DeviceIdentity, Span<UInt8>, inout ByteWriter)
        throws(CapacityError) -> Void
    let read: (Span<UInt8>, inout AuthenticationAnswer) throws(AuthenticationAnswerError) -> Void
  }
}

internal import CoAPMessage
internal import ConstrainedCore
public import PayloadCoding
internal import Platform
internal import PlatformCoAP
internal import SecurityLayer

/// `/auth` in another format than JSON.
extension CoAPLink where Security: ~Copyable {
  /// Writes `/auth` with `writer` from now on, asks for the answer in the same format, and reads one of it with
  /// `reader`; an answer in JSON is read all the same.
  ///
  /// Unverified: device guide 3.6 lists CBOR among the formats of `/auth`, without an example, and no client is
  /// known that sends it. A SMALL build speaks JSON alone, and stops here.
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
        // An object of JSON begins with an ASCII character, a map of CBOR with 0x80 or above.
        if payload.count > 0, payload[0] < 0x80 {
          try answer.read(payload)
        } else {
          try answer.read(from: Reader(received: payload))
        }
      }
    )
  }

  /// How `/auth` is written and its answer read.
  ///
  /// Functions, so that a program that does not ask for them does not hold their code.
  struct AuthenticationForm {
    let format: ContentFormat
    let write:
      (AuthenticationRequest, DeviceIdentity, Span<UInt8>, inout ByteWriter)
        throws(CapacityError) -> Void
    let read: (Span<UInt8>, inout AuthenticationAnswer) throws(AuthenticationAnswerError) -> Void
  }
}

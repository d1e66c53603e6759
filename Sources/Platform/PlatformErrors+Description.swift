// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
extension IdentityError: CustomStringConvertible {
  /// States which name is wrong, the limit, and the source of the limit.
  public var description: String {
    switch self {
    case .productKey:
      "the product key must be 1 to 64 letters and digits; copy it from the console"
    case .deviceNameLength(let count):
      "the device name has \(count) character\(count == 1 ? "" : "s"); 4 to 32 are allowed (device guide 6.2, error 6280)"
    case .deviceNameCharacter:
      "the device name may have only letters, digits and _ @ . and by the newer rule - : (device guide 6.2, "
        + "error 6280)"
    case .clientIDLength(let count):
      "the client id has \(count) bytes; 1 to 64 are allowed (device guide 3.6)"
    case .clientIDCharacter:
      "the client id has a control character or is not UTF-8; use printable ones"
    }
  }
}

extension TopicError: CustomStringConvertible {
  /// States what is wrong with the topic, and the limit.
  public var description: String {
    switch self {
    case .tooLong(let count):
      "the topic has \(count) bytes; at most 128 are allowed (path limit of the platform's SDK v3)"
    case .noLeadingSlash:
      "the topic must start with a slash, as in /PRODUCTKEY/DEVICENAME/user/update (device guide 3.5)"
    case .emptySegment(let offset):
      "the topic has an empty segment at byte \(offset); remove the extra slash (device guide 3.5)"
    case .dotSegment(let offset):
      "the topic has a segment \".\" or \"..\" at byte \(offset), which CoAP forbids and HTTPS drops from a path "
        + "(RFC 7252 Section 5.10.1, RFC 3986 Section 5.2.4): rename it"
    case .wildcard(let offset):
      "the topic has a wildcard at byte \(offset); only a subscription may have one"
    case .unprintable(let offset):
      "the topic has a space or control character at byte \(offset); remove it"
    case .notUTF8:
      "the topic is not UTF-8, which CoAP demands (RFC 7252 Section 5.10.1): check its encoding"
    }
  }
}

extension RegistrationRequestError: CustomStringConvertible {
  /// States the requirement for the random text.
  public var description: String {
    "the random must be 1 to 32 letters and digits (device guide 6.2)"
  }
}

extension RegistrationAnswerError: CustomStringConvertible {
  /// States what is wrong with the answer to a registration.
  public var description: String {
    switch self {
    case .json: "the answer to the registration is not JSON"
    case .notAnObject: "the answer to the registration is not one JSON object"
    case .code: "the answer to the registration has a code that is no number"
    case .deviceSecret: "the answer to the registration has no device secret of 1 to 128 bytes"
    case .names: "the answer to the registration has an unusable product key or device name"
    case .repeated: "the answer to the registration has a member twice"
    }
  }
}
#endif

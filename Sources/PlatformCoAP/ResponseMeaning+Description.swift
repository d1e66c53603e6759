// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
public import CoAPMessage
public import Platform

extension ResponseMeaning {
  /// The message for a refused `/auth`, with the platform's own reason in place of the likely one.
  public static func advice(onAuthentication code: Code, because reason: String) -> String {
    "the platform refused the authentication (\(code)): \(reason)"
  }

  /// The message for a refused report, with the platform's own reason in place of the likely one.
  public static func advice(onReport code: Code, because reason: String) -> String {
    "the platform refused the report (\(code)): \(reason)"
  }

  /// The most likely cause of a refused `/auth`, and what to do about it.
  public static func advice(onAuthentication code: Code) -> String {
    switch code {
    case .badRequest:
      "the platform could not read the request (4.00): compare product key, device name and client "
        + "id with the console"
    case .unauthorized:
      "the signature does not fit (4.01): check that the device secret belongs to this device name "
        + "and product key, and that the sign method is one the platform knows"
    case .forbidden:
      "the device may not authenticate (4.03): check in the console that it exists and is enabled"
    case .notFound, .methodNotAllowed:
      "there is no CoAP device service at this address (\(code)): check host and port"
    case .notAcceptable, .unsupportedContentFormat:
      "the platform does not take JSON for /auth (\(code)): check host and port"
    case .internalServerError:
      "the platform's authentication service failed or timed out (5.00): try again later"
    default: "the platform refused the authentication with \(code)"
    }
  }

  /// The most likely cause of a refused report, and what to do about it.
  public static func advice(onReport code: Code) -> String {
    switch code {
    case .badRequest:
      "the platform could not use the report (4.00): check that the payload is what the topic takes"
    case .badOption:
      "the platform does not take an option of the report, or the token in it (\(code)): send the "
        + "token in the other of options 2088 and 61"
    case .unauthorized:
      "the platform does not take the token (\(code)), not even a new one: check whether another "
        + "program authenticates as the same device"
    case .forbidden:
      "the device may not publish here (4.03): check that the topic names this device and has the "
        + "publish permission"
    case .notFound:
      "there is no such topic (4.04): create it in the console, or correct it"
    case .methodNotAllowed: "the topic takes no reports (4.05)"
    case .notAcceptable:
      "the platform cannot answer in the format asked for (4.06): ask for another"
    case .requestEntityTooLarge: "the report is too large (4.13): send less in one report"
    case .pathTooLong: "the topic is too long (4.14): shorten it"
    case .unsupportedContentFormat: "the platform does not take this payload format (4.15)"
    case .internalServerError: "the platform failed to take the report (5.00): try again later"
    default: "the platform refused the report with \(code)"
    }
  }
}
#endif

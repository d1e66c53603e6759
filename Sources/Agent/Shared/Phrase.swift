// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore

/// The program's messages in parts; the help and texts used once are where they are used.
///
/// Each is a number: a literal at each place would take three times the bytes.
enum Phrase: UInt8 {
  // Results, on standard output.
  case accepted, refused, delivered, rejected, givenUp, dropped, expired, superseded
  // Lines on standard error.
  case authenticated, authenticationFailed, postponed, diskRefuses, noLink, started, counters
  case hintFailed, hintSkipped, secretReadable, secretTrimmed, writableByOthers
  case reload, reloadRefused, reloadIgnored, error, stateDirectory
  // Fields of these lines.
  case id, sequence, bytesUp, bytesDown, transmissions, duration, answer
  case reply, message, cutAnswer, unreadableAnswer
  case pending, damaged, cut, errorNumber, openBracket
  case unknownHost, portUnreachable, unreachable, noSocket
  case inUse, notPrivate, laterVersion, earlierVersion, tooLarge, noSession
  case space, colon, colonAndSpace, point, pointAndZero
  // Results of authentications, reports and lines, and the state of the session's file.
  case refusal, timedOut, reset, unusableAnswer, tokenTooLong, noKey, handshake
  // Why there is no secure channel, in the order of HandshakeFailure.
  case unconfirmed, unknownAuthority, wrongName, expiredCertificate, notYetValid, invalidAuthority
  case weakSignature, weakKey, wrongPurpose, badCertificate, oldVersion, nothingInCommon
  case certificateWanted, unknownIdentity, wrongKey, alert, badHandshake
  case acknowledged, rejection, interrupted, unauthenticated, unsealable
  case sequenceExhausted
  case tooLong, noTopic, badTopic, badOption, noPayload, notJSON, full, disk
  case maxAttempts, maxAge
  case nothing, found, foreign, damagedFile, notPrivateFile
  // Counters.
  case acceptedReports, deliveredReports, rejectedReports, givenUpReports
  case expiredReports, droppedReports
  case supersededReports, authentications, handshakes, resumptions, requests
  case datagramsUp, allBytesUp, datagramsDown, allBytesDown, diskSyncs, diskBytes
  // Errors in the configuration.
  case missing, takes, tooManyBytes, noKeyAndValue, unknownKey, givenTwice, noValue, comment
  case badScheme, noHost, hasPath, badBrackets, badHost, badPort, otherSecurity, overLimit
  case notExecutable, noGroup, noAgent, lateAgent, closedSocket, wrongArgument
  case unreadableInput, unreadableConfiguration, unusableSocket, unusableSecret,
    unreadableAuthorities
  case noRegularFile, isUTF16, hasZeroByte, noHash
  #if MQTT
  case unreadableModel
  #if GATEWAY
  case needs, needsTLS, notHTTPS, unreadableList, unknownDevice, shutOutDevice
  #endif
  #elseif HTTPS
  case lessThanPayload
  #endif

  /// The text of the phrase.
  var text: Span<UInt8> {
    @inline(never)
    @_lifetime(immortal)
    get {
      #if MQTT
      switch self {
      case .unreadableModel: return Span("the thing model cannot be read" as StaticString)
      case .badScheme:
        return Span(": the scheme is none of mqtt, mqtts, ws and wss" as StaticString)
      case .otherSecurity:
        return Span(": the scheme is not that of `tls` and `websocket`" as StaticString)
      #if GATEWAY
      case .tooManyBytes: return Span("the file has more than 32768 bytes" as StaticString)
      case .needs: return Span(" needs " as StaticString)
      case .needsTLS: return Span(": a token goes over TLS alone" as StaticString)
      case .unreadableList:
        return Span("the list of sub-devices cannot be read" as StaticString)
      case .unknownDevice: return Span("unknown-device" as StaticString)
      case .shutOutDevice: return Span("sub-device-offline" as StaticString)
      case .notHTTPS: return Span(": the scheme is not https" as StaticString)
      #endif
      default: break
      }
      #elseif HTTPS
      switch self {
      case .lessThanPayload:
        return Span(" is less than payload-limit and 1024 more" as StaticString)
      case .badScheme: return Span(": the scheme is not https" as StaticString)
      default: break
      }
      #endif
      return Self.texts.word(Int(rawValue))
    }
  }

  /// The texts in the order of the cases.
  private static var texts: StaticString {
    """
    accepted |refused |delivered |rejected |given-up |dropped |expired |superseded \
    |info authenticated|warning authentication-failed reason=|warning postponed reason=\
    |error disk-refuses |warning no-link reason=|info started session=|info counters\
    |warning hint-failed |warning hint-skipped\
    |warning secret-readable-by-others|warning secret-trimmed\
    |warning writable-by-others\
    |info reload|warning reload-refused\
    |warning reload-ignored|error |error state-directory \
    | id=| seq=| up=| down=| sent=| ms=| answer=\
    | reply=| message=| answer-cut| answer-unreadable\
    | pending=| damaged=| cut=|errno=| (\
    |unknown-host|port-unreachable|unreachable |no-socket \
    |reason=in-use|reason=not-private|reason=later-version|reason=earlier-version|reason=too-large|reason=no-session\
    | |:|: |.|.0\
    |refused|timed-out|reset|unusable-answer|token-too-long|no-key|handshake\
    |unconfirmed|unknown-authority|wrong-name|expired (or the clock is wrong)\
    |not-yet-valid (or the clock is wrong)|invalid-authority\
    |weak-signature|weak-key|wrong-purpose|certificate x509=|old-version|nothing-in-common\
    |certificate-wanted|unknown-identity|wrong-key|alert number=|handshake openssl=\
    |acknowledged|rejected|interrupted|unauthenticated|unsealable\
    |sequence-exhausted\
    |too-long|no-topic|bad-topic|bad-option|no-payload|not-json|full|disk\
    | max-attempts| max-age\
    |none|found|foreign|damaged|not-private\
    | accepted=| delivered=| rejected=| given-up=| expired=| dropped=\
    | superseded=| authentications=| handshakes=| resumptions=| requests=\
    | datagrams-up=| bytes-up=| datagrams-down=| bytes-down=| disk-syncs=| disk-bytes=\
    |missing: | takes |the file has more than 8192 bytes|no `key = value`|unknown key \
    |given twice: |no value for |: a comment needs a line of its own\
    |: the scheme is neither coap nor coaps|: no host|: a path or a query\
    |: no IPv6 address in brackets|: neither a name nor an address|: a port is 1 to 65535\
    |: the scheme is not that of `security`| is over retry-limit\
    |: no file that can be run|: there is no such group|no agent answers at the socket\
    |no answer, but the agent may still take the report\
    |the socket may not be written, see socket-mode and socket-group\
    |an argument is unknown, missing or out of place\
    |lines cannot be read|the configuration file cannot be read|the socket cannot be made\
    |the secret file must hold the device secret in its first line|the CA file cannot be read\
    |not a regular file|UTF-16, save it as UTF-8|a zero byte is in it\
    |error OpenSSL has no SHA-256
    """
  }
}

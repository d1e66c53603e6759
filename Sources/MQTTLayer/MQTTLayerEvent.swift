// SPDX-License-Identifier: Apache-2.0
public import HTTPSLayer

/// What happened to a connection.
public enum MQTTLayerEvent: Equatable, Sendable {
  /// The server has accepted the client; `hasSession` says that it kept the session of an earlier connection.
  case connected(hasSession: Bool)
  /// No connection came about.
  case failed(MQTTFailure)
  /// The connection has ended, and nobody here asked for it.
  case lost(MQTTLoss)
  /// The connection has ended because it was asked for.
  case disconnected
  /// The message of that number is with the server; one of quality 0 was written.
  case delivered(UInt32)
  /// The message of that number could not be sent.
  case undelivered(UInt32)
  /// The subscription of that number has the quality 0 or 1, or was refused with `nil`.
  case subscribed(UInt32, MQTTQuality?)
  /// The subscription of that number is over.
  case unsubscribed(UInt32)
  /// A message has come: `MQTTLayer.topic` and `payload`; `isRepeated` is its flag DUP, by which the server says that
  /// it has sent it before (MQTT 3.1.1 Section 3.3.1.1).
  case message(MQTTQuality, isRepeated: Bool = false)
  /// So many messages, or acknowledgements of nothing, were dropped since the last event for the same reason.
  case dropped(MQTTDrop, count: UInt32 = 1)
}

/// Why no connection came about.
public enum MQTTFailure: Equatable, Sendable {
  /// The server's number in CONNACK.
  case refused(UInt8)
  /// No address, nobody who listens, no network, or a server that closed: the library below does not tell which.
  case unreachable
  /// Nothing came in time.
  case timedOut
  /// The server's certificate comes from no authority that is trusted.
  case unknownAuthority
  /// The server's certificate has expired.
  case expired
  /// The server's certificate is not valid yet.
  case notYetValid
  /// A certificate in the server's chain was issued by one that is no authority.
  case invalidAuthority
  /// A signature in the server's chain was made with SHA-1 or MD5.
  case weakSignature
  /// A key in the server's chain is too short.
  case weakKey
  /// The server's certificate is not for servers.
  case wrongPurpose
  /// The server's certificate is not good for another reason, OpenSSL's `X509_V_ERR_…`.
  case certificate(code: Int32)
  /// The server's certificate is for another name.
  case serverName
  /// The server speaks no TLS 1.2 or later.
  case oldVersion
  /// The TLS handshake failed for another reason.
  case handshake
  /// The server sent what is not MQTT 3.1.1.
  case malformed
  /// The server announced or sent more than the library may take: the connection was cut here.
  case oversized
  /// The library could not begin, for lack of memory, a descriptor or a thread, with its number.
  case library(Int32)
  #if !SMALL || GATEWAY
  /// The authentication before the connection brought no token.
  case authentication(MQTTAuthenticationFailure)
  #endif
}

/// Why an authentication over HTTPS brought no token for a connection (device guide 3.2).
public enum MQTTAuthenticationFailure: Equatable, Sendable {
  /// The platform has answered with that code.
  case code(UInt32)
  /// The answer has that HTTP status, and its body is none of the platform's.
  case status(UInt16)
  /// There is no answer.
  case transfer(HTTPSFailure)
  /// The answer cannot be read, lacks user name or password, or has one that cannot stand in a CONNECT.
  case answer
  /// The address in the answer can be none.
  case address
  /// The library that signs refused.
  case signing
  /// There is no memory for the request.
  case memory

  /// Whether the platform would refuse the same again: 401, 460, 5001 and 6200, but not 500.
  public var isRefusal: Bool {
    switch self {
    case .code(let code): code == 401 || code == 460 || code == 5_001 || code == 6_200
    case .status, .transfer, .answer, .address, .signing, .memory: false
    }
  }
}

/// How a connection has ended.
public enum MQTTLoss: UInt8, Sendable {
  /// The server closed it in order.
  case closed
  /// It broke, or the server was silent for too long.
  case broken
  /// The server sent what is not MQTT 3.1.1: the connection was cut here.
  case malformed
  /// The server announced or sent more than the library may take: the connection was cut here.
  case oversized
}

/// Why a message was dropped, or an acknowledgement.
public enum MQTTDrop: UInt8, Sendable {
  /// It is longer than the limit.
  case tooLong = 1
  /// Nobody has taken the messages before it.
  case noRoom = 2
  /// Its topic is empty, too long, no UTF-8 or has a wildcard or a control character (MQTT 3.1.1 Section 3.3.2.1).
  case topic = 3
  /// It has quality 2, which the platform does not have.
  case quality = 4
  /// It is a PUBACK for a packet id under which nothing waits for one.
  case acknowledgement = 5
}

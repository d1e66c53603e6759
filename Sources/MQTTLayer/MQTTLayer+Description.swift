// SPDX-License-Identifier: Apache-2.0
#if !hasFeature(Embedded)
internal import HTTPSLayer

extension MQTTFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .refused(let number): "the server refused the client with CONNACK \(number)"
    case .unreachable:
      "no connection came about: check host, port and network, and that the server speaks this transport"
    case .timedOut: "the server does not answer: check host, port, transport and network"
    case .unknownAuthority:
      "the server's certificate comes from no authority of the CA file: check which root it has"
    case .expired: "the server's certificate has expired, or this machine's clock is wrong"
    case .notYetValid:
      "the server's certificate is not valid yet: this machine's clock is probably wrong, set it"
    case .invalidAuthority:
      "a certificate in the server's chain was issued by one that is not an authority (CA:FALSE): the server is "
        + "misconfigured, or somebody is in between"
    case .weakSignature:
      "the server's chain is signed with SHA-1 or MD5, which can be forged: it needs SHA-256"
    case .weakKey:
      "a key in the server's chain is too short: RSA needs 2,048 bits, ECDSA on P-256 is better"
    case .wrongPurpose:
      "the server's certificate is not for servers: its extended key usage lacks serverAuth"
    case .certificate(let code):
      "the server's certificate is not good (X509_V_ERR \(code); see openssl-verify(1))"
    case .serverName:
      "the server's certificate is for another name than the host's; its common name does not count"
    case .oldVersion: "the server speaks no TLS 1.2 or later"
    case .handshake: "the TLS handshake failed: check that the port speaks TLS"
    case .malformed:
      "the server sent what is not MQTT: check that the port speaks MQTT over this transport"
    case .oversized:
      "the server announced or sent more than this device takes; the connection was cut"
    case .library(let code):
      "the MQTT library could not begin (\(code)): memory, descriptors or threads are used up"
    #if !SMALL || GATEWAY
    case .authentication(let failure): "the authentication over HTTPS failed: \(failure)"
    #endif
    }
  }
}

extension MQTTAuthenticationFailure: CustomStringConvertible {
  /// What happened, then what to do.
  public var description: String {
    switch self {
    case .code(401):
      "code 401, the sign does not fit: check product key, device name, device secret and sign method"
    case .code(460): "code 460, a parameter is wrong: check the client id and the names"
    case .code(500): "code 500, an error of the platform: try again later"
    case .code(5_001):
      "code 5001, the platform does not know the device: check product key, device name and region"
    case .code(6_200):
      "code 6200, the product's devices authenticate in another way: check its type in the console"
    case .code(let code): "code \(code), which the device guide does not have"
    case .status(let status) where status >= 300 && status < 400:
      "the server redirects (HTTP status \(status)), which is not followed: check host and port"
    case .status(let status):
      "the server answered with HTTP status \(status) and no code of the platform: check host and port"
    case .transfer(let failure): failure.description
    case .answer:
      "the answer has no usable iotId and iotToken: check that host and port are the platform's"
    case .address: "the answer names an address for MQTT that can be none: give the endpoint"
    case .signing: "OpenSSL could not sign the request: check its installation"
    case .memory: "there is no memory for the request: try again"
    }
  }
}

extension MQTTLoss: CustomStringConvertible {
  /// What happened.
  public var description: String {
    switch self {
    case .closed: "the server closed the connection"
    case .broken: "the connection broke"
    case .malformed: "the server sent what is not MQTT; the connection was cut"
    case .oversized:
      "the server announced or sent more than this device takes; the connection was cut"
    }
  }
}

extension MQTTDrop: CustomStringConvertible {
  /// What was wrong with it.
  public var description: String {
    switch self {
    case .tooLong: "a message is longer than the limit"
    case .noRoom: "messages come faster than they are taken"
    case .topic: "a message has a topic that none can have"
    case .quality: "a message has quality of service 2, which the platform does not have"
    case .acknowledgement: "a PUBACK acknowledges nothing that was sent"
    }
  }
}
#endif

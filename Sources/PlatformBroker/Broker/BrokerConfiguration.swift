// SPDX-License-Identifier: Apache-2.0
internal import FoundationEssentials
internal import Glibc

/// The configuration of one mosquitto.
struct BrokerConfiguration {
  let installation: BrokerInstallation
  let host: String
  let listeners: [(transport: BrokerTransport, port: Int)]
  /// Holds the plugin's socket and the files of TLS.
  let directory: URL

  var socketPath: String { directory.appending(path: "s").path }
  var certificate: String { directory.appending(path: "certificate.pem").path }
  var key: String { directory.appending(path: "key.pem").path }

  var text: String {
    // Only mosquitto 2.0 has the functions of its own that the plugin uses beside the interface.
    let functions = installation.version.hasPrefix("2.0.") ? "2.0" : "none"
    var lines = [
      "per_listener_settings false",
      "allow_anonymous false",
      // Nothing is written anywhere, and nothing said but what is wrong.
      "persistence false",
      "sys_interval 0",
      "connection_messages false",
      "log_dest stderr",
      "log_type error",
      "log_type warning",
      "user \(Self.userName)",
      // The plugin refuses retained messages and QoS 2, so that the refusal is logged; nothing is kept anyway.
      "retain_available true",
      // A payload of 256 KB with the longest topic.
      "max_packet_size 263168",
      // Unverified: public pages say that the platform sends no more after 50 without a PUBACK.
      "max_inflight_messages 50",
      "max_queued_messages 100",
      "max_queued_bytes 4194304",
      "persistent_client_expiration 7d",
      "set_tcp_nodelay true",
      "plugin \(installation.plugin)",
      "plugin_opt_socket \(socketPath)",
      "plugin_opt_functions \(functions)",
    ]
    for (transport, port) in listeners {
      lines += [
        "listener \(port) \(host)",
        "protocol \(transport.isWebSocket ? "websockets" : "mqtt")",
        "max_qos 2",
        "max_connections 1000",
      ]
      // Else a listener of WebSockets takes no heed of an IPv4 address, and listens on all.
      if transport.isWebSocket, !host.contains(":") { lines.append("socket_domain ipv4") }
      guard transport.side == .secure else { continue }
      // mosquitto takes TLS 1.2 and later, unless told otherwise.
      lines += ["certfile \(certificate)", "keyfile \(key)"]
    }
    // mosquitto 2.0 ends when all of its listeners are WebSockets: it counts the others alone. This one is gone with
    // the directory.
    if listeners.allSatisfy(\.transport.isWebSocket) {
      lines.append("listener 0 \(directory.appending(path: "l").path)")
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// Whose rights mosquitto keeps: those of the simulator.
  private static var userName: String {
    // SAFETY: the entry and its text are the system's until the next call, and copied at once.
    guard let entry = unsafe getpwuid(geteuid()) else { return "\(geteuid())" }
    return unsafe String(cString: entry.pointee.pw_name)
  }

  /// A port that is free now; `nil` where there is none on that address.
  static func freePort(_ host: String) -> Int? { bind(0, on: host) }

  /// Whether nobody has that port.
  static func isFree(_ port: Int, on host: String) -> Bool { bind(port, on: host) != nil }

  /// Binds a socket to a port as mosquitto does, and closes it: the port, `nil` where it cannot be had.
  private static func bind(_ number: Int, on host: String) -> Int? {
    let isNewer = host.contains(":")
    let family = isNewer ? AF_INET6 : AF_INET
    let descriptor = socket(family, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    defer { Glibc.close(descriptor) }
    var yes: Int32 = 1
    // SAFETY: the pointer is to four bytes, as the size says.
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, 4)
    if isNewer {
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = UInt16(truncatingIfNeeded: number).bigEndian
      // SAFETY: the text ends with a zero byte, and the call fills in no more than an address.
      guard unsafe inet_pton(AF_INET6, host, &address.sin6_addr) == 1 else { return nil }
      return port(descriptor, &address).map { Int(UInt16(bigEndian: $0.sin6_port)) }
    }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(truncatingIfNeeded: number).bigEndian
    // SAFETY: as above.
    guard unsafe inet_pton(AF_INET, host, &address.sin_addr) == 1 else { return nil }
    return port(descriptor, &address).map { Int(UInt16(bigEndian: $0.sin_port)) }
  }

  private static func port<Address>(_ descriptor: Int32, _ address: inout Address) -> Address? {
    var size = socklen_t(MemoryLayout<Address>.size)
    // SAFETY: each address of a socket begins as `sockaddr` does, and `size` is that of this one.
    let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
      }
    }
    return isBound ? address : nil
  }
}

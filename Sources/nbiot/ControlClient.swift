// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import FoundationEssentials
internal import Glibc
internal import PayloadValues

/// Where a simulator's control socket is.
struct ControlOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Where nbiot simulate --control listens: its port on this machine.",
      valueName: "[127.0.0.1:]port"
    )
  )
  var at: String

  func validate() throws { _ = try port() }

  private func port() throws -> UInt16 {
    let parts = at.split(separator: ":", omittingEmptySubsequences: false)
    let isHere = parts.count == 1 || ["127.0.0.1", "localhost"].contains(String(parts[0]))
    guard parts.count < 3, isHere, let port = parts.last.flatMap({ UInt16($0) }), port > 0 else {
      throw ValidationError(
        "--at is 127.0.0.1:PORT, as nbiot simulate --control prints it, not \(at)"
      )
    }
    return port
  }

  /// Sends one request and waits for its answer: as long as the request lets the simulator take, and half a minute.
  func ask(_ request: PayloadValue) throws -> PayloadValue {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw Complaint("no socket: \(PrivateFile.text(errno))") }
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = try port().bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: each address of a socket begins as `sockaddr` does, and `size` is that of this one.
    let isConnected = unsafe withUnsafePointer(to: &address) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(descriptor, $0, size) == 0
      }
    }
    guard isConnected else {
      throw Complaint(
        "nothing listens at \(at) (\(PrivateFile.text(errno))): give the port that "
          + "nbiot simulate --control prints",
        .unreachable
      )
    }
    let gone = Complaint("the simulator at \(at) has ended, or closed the connection", .unreachable)
    _ = signal(SIGPIPE, SIG_IGN)
    do {
      try Descriptor.write(request.encoded(.json) + [0x0A], to: descriptor)
    } catch {
      throw gone
    }
    let wait = Int((request["wait"]?.integer ?? 0) / 1_000)
    var patience = timeval(tv_sec: wait + Self.patience, tv_usec: 0)
    let length = socklen_t(MemoryLayout<timeval>.size)
    // SAFETY: the system reads one local value.
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, length)
    var line: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while line.last != 0x0A {
      // SAFETY: the pointer covers the whole buffer and does not outlive the call.
      let count = unsafe buffer.withUnsafeMutableBytes {
        unsafe Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      if count < 0, errno == EAGAIN {
        throw Complaint(
          "what listens at \(at) does not answer: give the port that nbiot simulate --control prints",
          .unreachable
        )
      }
      guard count > 0, line.count < 4 << 20 else { throw gone }
      line += buffer[..<count]
    }
    guard let value = PayloadValue(Array(line.dropLast()), .json), value["outcome"] != nil else {
      throw Complaint("what listens at \(at) is no simulator's control socket", .unreachable)
    }
    return value
  }

  /// How long a simulator may take for what it does at once, in seconds.
  private static let patience = 30
}

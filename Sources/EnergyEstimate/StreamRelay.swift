// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Glibc
internal import StreamTraffic
internal import Synchronization
internal import SystemClocks

/// A relay on this machine between one client and one server, which counts what goes through it; one connection after
/// the other.
///
/// Its segments are those of a link with an MTU of 1,358 bytes, and it passes on what an end has sent only once that end
/// has said no more for a while. So flights are those of a slow link, over which each end is done before it hears of the
/// other, and do not depend on how two programs on one machine happen to be scheduled.
final class StreamRelay: Sendable {
  let port: UInt16
  private let listener: Int32
  private let target: UInt16
  private let sessions = Mutex<[StreamSession]>([])

  /// Listens on 127.0.0.1, and passes on to `target` there; `nil` where the system refuses.
  init?(to target: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { return nil }
    var size = Int32(StreamSession.segment)
    // SAFETY: the pointer is to a whole `Int32`, which the call copies.
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_MAXSEG, &size, 4)
    guard Self.bind(descriptor), listen(descriptor, 4) == 0, let port = Self.port(descriptor) else {
      close(descriptor)
      return nil
    }
    listener = descriptor
    self.port = port
    self.target = target
  }

  /// Serves connections until `stop`; blocks.
  func run() {
    while true {
      let client = accept(listener, nil, nil)
      guard client >= 0 else { return }
      defer { close(client) }
      let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      guard server >= 0 else { continue }
      defer { close(server) }
      guard Self.connect(server, to: target) else { continue }
      let session = Self.pass(client, server)
      sessions.withLock { $0.append(session) }
    }
  }

  /// Ends `run`, and gives the connections that have ended.
  func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

  /// The connections that have ended.
  var ended: [StreamSession] { sessions.withLock { $0 } }

  deinit { close(listener) }

  /// How long an end says nothing before what it has sent is passed on, in milliseconds.
  private static var quiet: Int64 { 60 }

  /// What one end has sent, and is not passed on yet.
  private struct Waiting {
    var bytes: [UInt8] = []
    /// When the last of them came.
    var time = MonotonicClock.now()
    var isOpen = true
  }

  /// Passes bytes both ways until both ends have closed.
  private static func pass(_ client: Int32, _ server: Int32) -> StreamSession {
    var session = StreamSession()
    var buffer = [UInt8](repeating: 0, count: 65_536)
    var waiting = [Waiting(), Waiting()]
    let ends = [client, server]
    while waiting[0].isOpen || waiting[1].isOpen {
      var entries = (0..<2).map {
        pollfd(fd: waiting[$0].isOpen ? ends[$0] : -1, events: Int16(POLLIN), revents: 0)
      }
      let isEmpty = waiting.allSatisfy { $0.bytes.isEmpty }
      // SAFETY: the array has two entries, and the call does not keep the pointer.
      let ready = unsafe poll(&entries, 2, isEmpty ? 60_000 : Int32(quiet / 4))
      guard ready > 0 || !isEmpty else { break }
      for index in 0..<2 {
        if entries[index].revents != 0 {
          // SAFETY: the buffer has as many bytes as are asked for.
          let count = unsafe recv(ends[index], &buffer, buffer.count, 0)
          waiting[index].time = MonotonicClock.now()
          waiting[index].isOpen = count > 0
          if count > 0 { waiting[index].bytes += buffer.prefix(count) }
        }
        let isDone = !waiting[index].isOpen
        let age = (MonotonicClock.now() - waiting[index].time).count
        if !waiting[index].bytes.isEmpty, isDone || age >= quiet {
          session.add(waiting[index].bytes.count, isUp: index == 0)
          guard write(waiting[index].bytes, to: ends[1 - index]) else { return session }
          waiting[index].bytes.removeAll(keepingCapacity: true)
        }
        // The other end may still have something to say.
        if isDone, entries[index].revents != 0 { shutdown(ends[1 - index], Int32(SHUT_WR)) }
        // The relay's end of the connection receives what the client sends.
        guard let counted = SegmentCounts(of: client) else { continue }
        session.segmentsUp = max(session.segmentsUp, Int(counted.received))
        session.segmentsDown = max(session.segmentsDown, Int(counted.sent))
      }
    }
    return session
  }

  private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
    var rest = bytes
    while !rest.isEmpty {
      // SAFETY: the array has as many bytes as are passed.
      let count = unsafe send(descriptor, rest, rest.count, Int32(MSG_NOSIGNAL))
      guard count > 0 else { return false }
      rest.removeFirst(count)
    }
    return true
  }

  private static func address(_ port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    return address
  }

  private static func bind(_ descriptor: Int32) -> Bool {
    var address = address(0)
    // SAFETY: a `sockaddr_in` is what the family says, and the length is its own.
    return unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func connect(_ descriptor: Int32, to port: UInt16) -> Bool {
    var address = address(port)
    // SAFETY: as in `bind`.
    return unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
  }

  private static func port(_ descriptor: Int32) -> UInt16? {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    // SAFETY: the system writes at most `length` bytes, which the address has.
    let result = unsafe withUnsafeMutablePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe getsockname(descriptor, $0, &length)
      }
    }
    return result == 0 ? UInt16(bigEndian: address.sin_port) : nil
  }
}

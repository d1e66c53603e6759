// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import Glibc
internal import UDPTransport

/// A socket for each device, to a platform in another program.
///
/// `poll` looks at all of them each time, some 0.1 µs for each. Memory: a descriptor and 48 bytes a device.
final class FleetSockets {
  private final class Place {
    var socket: UDPSocket

    init(_ socket: consuming UDPSocket) { self.socket = socket }
  }

  private var places: [Place] = []
  private var entries: [pollfd] = []

  init(_ endpoint: FleetEndpoint, count: Int) throws(FleetError) {
    Self.raiseLimit()
    let host = Array(endpoint.host.utf8)
    for _ in 0..<count {
      do throws(TransportError) {
        let place = Place(try UDPSocket(host: host.span, port: endpoint.port))
        entries.append(pollfd(fd: place.socket.descriptor, events: Int16(POLLIN), revents: 0))
        places.append(place)
      } catch {
        switch error {
        case .unknownHost(let code), .unreachable(let code), .system(let code):
          throw .endpoint(code: code)
        case .refused: throw .endpoint(code: ECONNREFUSED)
        }
      }
    }
  }

  /// Sends a datagram; where that fails it is lost, as in the network.
  func send(_ bytes: [UInt8], from index: Int) {
    do throws(TransportError) { try places[index].socket.send(bytes.span) } catch {
      // The session sends again, and gives up in time.
    }
  }

  /// Waits at most so long for datagrams, and hands over those that have come.
  func receive(for wait: Milliseconds, _ take: (_ index: Int, _ bytes: [UInt8]) -> Void) {
    // SAFETY: as many entries as there are; the call does not keep the pointer.
    let count = unsafe poll(&entries, UInt(entries.count), Int32(clamping: wait.count))
    guard count > 0 else { return }
    for index in entries.indices where entries[index].revents != 0 {
      while let bytes = next(index) { take(index, bytes) }
    }
  }

  private func next(_ index: Int) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 1_472)
    var count = 0
    do throws(TransportError) {
      var writer = ByteWriter(buffer.mutableSpan)
      guard try places[index].socket.receive(into: &writer) else { return nil }
      count = writer.count
    } catch {
      // Nothing listens there, for now.
      return nil
    }
    return Array(buffer[..<count])
  }

  /// As many descriptors as the system allows.
  private static func raiseLimit() {
    var limit = rlimit()
    // SAFETY: a local value.
    guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
  }
}

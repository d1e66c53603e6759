// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import NIOPosix
internal import OpenSSLSupport

/// Serves a console's pages over HTTP.
public final class ConsoleServer: Sendable {
  private let runtime: NIOLoopBound<ConsoleRuntime>
  private let loop: any EventLoop
  private let group: MultiThreadedEventLoopGroup

  /// The port.
  public let port: Int

  /// Listens, on a thread of its own, and answers from then on.
  ///
  /// Throws `ConsoleError`: also for an address that other machines reach and no token.
  public static func start(
    _ settings: ConsoleSettings,
    _ book: ConsoleBook,
    _ platform: any ConsolePlatform
  ) async throws -> ConsoleServer {
    guard settings.isLoopback || settings.token != nil else {
      throw ConsoleError(reason: "an address that other machines reach needs a token")
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let front = ConsoleFront(
      book: book,
      platform: platform,
      settings: settings,
      run: makeToken(),
      sessions: ConsoleSessions(limit: settings.limits.sessions)
    )
    do {
      let runtime = try await loop.submit {
        NIOLoopBound(ConsoleRuntime(front, on: loop), eventLoop: loop)
      }
      .get()
      let port = try await loop.flatSubmit { runtime.value.start() }.get()
      return ConsoleServer(runtime, loop, group, port)
    } catch {
      try? await group.shutdownGracefully()
      let reason = (error as? IOError).map { unsafe String(cString: strerror($0.errnoCode)) }
      throw ConsoleError(
        reason:
          "cannot listen on \(settings.host) port \(settings.port): \(reason ?? "\(error)")"
      )
    }
  }

  private init(
    _ runtime: NIOLoopBound<ConsoleRuntime>,
    _ loop: any EventLoop,
    _ group: MultiThreadedEventLoopGroup,
    _ port: Int
  ) {
    self.runtime = runtime
    self.loop = loop
    self.group = group
    self.port = port
  }

  /// A token of 128 random bits.
  public static func makeToken() -> String {
    var random = SystemRandom()
    return (0..<2).map { _ in
      let digits = String(random.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }
    .joined()
  }

  /// Closes the port and all connections.
  public func close() async throws {
    let runtime = runtime
    try await loop.flatSubmit { runtime.value.close() }.get()
    try await group.shutdownGracefully()
  }
}

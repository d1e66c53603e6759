// SPDX-License-Identifier: Apache-2.0
internal import Glibc
internal import NIOCore
internal import OpenSSLSupport
public import PlatformSimulator

/// The HTTPS side of a simulated platform, beside its CoAP side and with the same devices.
public final class WebServer: Sendable {
  private let runtime: NIOLoopBound<WebRuntime>
  private let loop: any EventLoop

  /// The port.
  public let port: Int

  /// Listens, and answers from then on.
  ///
  /// `onRecord` is told of each request, in order, on the server's thread, before it is answered. Throws `WebError`.
  public static func start(
    _ settings: WebSettings,
    beside server: SimulatorServer,
    onRecord: @escaping @Sendable (WebRecord) -> Void
  ) async throws -> WebServer {
    let loop = server.eventLoop
    let made = try await server.withCore { core -> Result<NIOLoopBound<WebRuntime>, WebError> in
      do throws(OpenSSLError) {
        let runtime = try WebRuntime(core, settings, on: loop, onRecord: onRecord)
        return .success(NIOLoopBound(runtime, eventLoop: loop))
      } catch {
        return .failure(
          WebError(
            "the certificate or the key cannot be used: they are broken, or do not belong together"
          )
        )
      }
    }
    let runtime = try made.get()
    do {
      let port = try await loop.flatSubmit { runtime.value.start() }.get()
      return WebServer(runtime, loop, port)
    } catch {
      let reason = (error as? IOError).map { unsafe String(cString: strerror($0.errnoCode)) }
      throw WebError(
        "cannot listen on \(settings.host) port \(settings.port): \(reason ?? "\(error)")"
      )
    }
  }

  private init(_ runtime: NIOLoopBound<WebRuntime>, _ loop: any EventLoop, _ port: Int) {
    self.runtime = runtime
    self.loop = loop
    self.port = port
  }

  /// Sends devices that authenticate for MQTT to an address, or to none.
  public func send(toMQTT address: WebAddress?) async throws {
    let runtime = runtime
    try await loop.submit { runtime.value.front.mqtt = address }.get()
  }

  /// Closes the port and all connections.
  public func close() async throws {
    let runtime = runtime
    try await loop.flatSubmit { runtime.value.close() }.get()
  }
}

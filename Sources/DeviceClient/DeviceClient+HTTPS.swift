// SPDX-License-Identifier: Apache-2.0
internal import Alink
internal import CoAPLink
internal import ConstrainedCore
internal import HTTPSChannel
internal import HTTPSLink
internal import OpenSSLSupport
internal import Platform
internal import UDPTransport

extension DeviceClient {
  static func makeCore(
    _ configuration: DeviceClientConfiguration,
    _ settings: HTTPSClientSettings,
    _ identity: DeviceIdentity,
    _ secret: consuming sending SecretBytes,
    _ keeper: sending SessionKeeper?
  ) throws(DeviceClientError) -> any ClientCore {
    let meter = PacketMeter()
    let port = configuration.port ?? httpsPort
    let field = configuration.host.utf8.count + (port == httpsPort ? 0 : "\(port)".utf8.count + 1)
    let channel = try makeChannel(configuration, settings, port)
    #if LEDGER
    meter.add(https: channel.traffic)
    #endif
    let mask = AnswerMask(secret: secret)
    let link: HTTPSCore.Link
    do throws(HTTPSSettingsError) {
      link = try HTTPSLink(
        identity: identity,
        secret: secret,
        settings: HTTPSLinkSettings(settings),
        layer: MeteredHTTPSLayer(
          channel,
          meter,
          host: field,
          mask: mask,
          show: settings.onRequest
        ),
        randomness: SystemRandom()
      )
    } catch {
      throw .httpsSettings(error)
    }
    do throws(TransportError) {
      return HTTPSCore(
        link: link,
        keeper: keeper,
        signal: try WakeSignal(),
        meter: meter,
        mask: mask,
        settings: settings,
        host: field,
        requestID: configuration.settings.firstRequestID ?? RequestIDs.first()
      )
    } catch {
      throw .transport(error)
    }
  }

  private static func makeChannel(
    _ configuration: DeviceClientConfiguration,
    _ settings: HTTPSClientSettings,
    _ port: UInt16
  ) throws(DeviceClientError) -> sending HTTPSChannel {
    let host = Array(configuration.host.utf8)
    do throws(HTTPSChannelError) {
      var channel = try HTTPSChannelSettings(host: host.span, port: port)
      channel.connectTimeout = settings.connectTimeout
      channel.usesProxy = settings.usesProxy
      return try HTTPSChannel(channel, authorities: settings.authorities.span)
    } catch {
      throw .httpsChannel(error)
    }
  }

  /// The port of `https` (RFC 9110 Section 4.2.2).
  static var httpsPort: UInt16 { 443 }
}

extension HTTPSLinkSettings {
  fileprivate init(_ settings: HTTPSClientSettings) {
    self.init()
    signMethod = settings.signMethod
    sendsTimestamp = settings.sendsTimestamp || settings.timestamp != nil
    answerTimeout = settings.answerTimeout
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import ArgumentParser
internal import CoAPLink
internal import DeviceClient
internal import Platform
internal import PlatformMQTT

/// Registration over MQTT, which is over TLS alone.
extension RegisterCommand {
  /// What only this way has, and whether it was given.
  var givenForMQTT: [(name: String, isGiven: Bool)] { socket.given + connection.given }

  /// The options that advice can name.
  private static var names: Set<String> { ["--endpoint", "--ca-file", "--sign-method"] }

  /// The platform's address for registrations over MQTT.
  func mqttEndpoint() throws -> EndpointArgument? {
    try coap.place.argument(or: config, .mqtt)
  }

  /// Registers, and keeps what the platform gives; the client id that belongs to a token, else `nil`.
  func registerOverMQTT() async throws -> String? {
    try PrivateFile.checkPlace(secretFile, "secret", replaces: force)
    let clientID = connection.client.setting(config)
    _ = try names.identity(clientID: clientID, deviceNames: deviceNames.rule)
    let client = try makeMQTTClient(clientID)
    do {
      var secret = try await client.register(signMethod: signMethod.method)
      defer { Secret.erase(&secret) }
      await client.close()
      try keep(secret)
      // Unverified: the client id of public device code for such a device.
      return client.registeredClientID.map { "\($0)|securemode=-2,authType=connwl|" }
    } catch let error as DeviceClientError {
      await client.close()
      throw Complaint(
        error.explanation(Self.names),
        error.status(hasAnswered: client.counters.roundTrips > 0)
      )
    }
  }

  private func makeMQTTClient(_ clientID: Setting<String>?) throws -> DeviceClient {
    guard let authorities = coap.authorities.setting(config) else {
      throw Complaint(
        "TLS verifies the server: give --ca-file FILE with the platform's root certificate"
      )
    }
    let isWebSocket = try mqttEndpoint()?.mqtt?.isWebSocket ?? socket.isUsed(config)
    var settings = MQTTClientSettings(isWebSocket ? .secureWebSocket : .tls)
    settings.webSocketPath = try socket.path(config)
    settings.authorities = try authorities.use(InputText.read)
    settings.registration = connection.unregistered ? .unregistered : .preregistered
    settings.instanceID = connection.instanceId ?? ""
    if trace.verbose { settings.onPacket = MQTTTrace().show }
    let endpoint = try mqttEndpoint()
    var configuration = DeviceClientConfiguration(
      productKey: names.productKey,
      deviceName: names.deviceName,
      mqtt: settings,
      host: endpoint?.host,
      port: endpoint?.port,
      region: region.name
    )
    configuration.clientID = clientID?.value
    configuration.deviceNames = deviceNames.rule
    var productSecret = try secret.load()
    defer { Secret.erase(&productSecret) }
    do throws(DeviceClientError) {
      return try DeviceClient(configuration, secret: productSecret)
    } catch {
      throw Complaint(
        error.explanation(Self.names),
        error.status(hasAnswered: false)
      )
    }
  }
}

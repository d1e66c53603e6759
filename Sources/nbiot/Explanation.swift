// SPDX-License-Identifier: Apache-2.0
/// Help texts shared by several commands.
enum Explanation {
  /// The sources of the device's identity and the platform's address.
  static let sources = """
    An option takes precedence over the environment (NBIOT_PRODUCT_KEY, NBIOT_DEVICE_NAME, NBIOT_ENDPOINT, \
    NBIOT_DEVICE_SECRET), and the environment over --config FILE, the configuration of an agent. A file of \
    nbiot-agent-mqtt, nbiot-gateway or nbiot-agent-https is known by its transport, by its endpoint's scheme or by \
    a key that nbiot-agent does not have, and selects --transport mqtt or https. Besides the device and the endpoint these keys are used: of nbiot-agent \
    client-id, security, ca-file, server-name, allow-common-name, dtls-key, sign-method, accept, timing, \
    token-option, and for publish topic and format; of nbiot-agent-mqtt client-id, ca-file, sign-method, topic, \
    websocket, websocket-path, tls, keep-alive, clean-session, in-flight, notices, answer-time and thing-model; of \
    nbiot-agent-https client-id, ca-file, sign-method and topic. Other keys are for the agent alone, and a key that \
    is missing has this program's default. The secret is never an argument.
    """
}

// SPDX-License-Identifier: Apache-2.0
/// Help texts shared by several commands.
enum Explanation {
  /// The sources of the device's identity and the platform's address.
  static let sources = """
    What no option says comes from the environment: NBIOT_PRODUCT_KEY, NBIOT_DEVICE_NAME, NBIOT_ENDPOINT and \
    NBIOT_DEVICE_SECRET; what neither says, from --config FILE, a configuration of nbiot-agent or, with a key that \
    only that has, such as transport, of nbiot-agent-mqtt or nbiot-agent-https. The first may also name client-id, security, ca-file, \
    server-name, allow-common-name, dtls-key, sign-method, accept, timing, token-option, and what publish takes: \
    topic and format; the second, which selects --transport mqtt, client-id, ca-file, sign-method, topic, \
    websocket, websocket-path, tls, keep-alive, clean-session, in-flight, notices, answer-time and thing-model; \
    the third, which selects --transport https, client-id, ca-file, sign-method and topic. \
    The other keys are the agent's alone, and defaults are those of this program. The secret never comes from an \
    argument.
    """
}

/// Help texts shared by several commands.
enum Explanation {
  /// The sources of the device's identity and the platform's address.
  static let sources = """
    What no option says comes from the environment: NBIOT_PRODUCT_KEY, NBIOT_DEVICE_NAME, NBIOT_ENDPOINT and \
    NBIOT_DEVICE_SECRET; what neither says, from --config FILE, a configuration of nbiot-agent. That may also \
    name client-id, security, ca-file, server-name, allow-common-name, dtls-key, sign-method, accept, timing, \
    token-option, and what publish takes: topic and format. Its other keys are the agent's alone, and defaults \
    are those of this program. The secret never comes from an argument.
    """
}

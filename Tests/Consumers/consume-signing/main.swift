// SPDX-License-Identifier: Apache-2.0
import ConstrainedCore
import OpenSSLSupport
import Platform
import PlatformCredentials
import PlatformMQTT

// What an MQTT client of one's own connects with.
let device = try DeviceIdentity(
  productKey: Array("a1B2c3D4e5F".utf8).span,
  deviceName: Array("device1".utf8).span
)
let key = try PreSharedKey(device, secret: Array("0123456789abcdef".utf8).span)
print(key.identity.count, MQTTTransport.tls)

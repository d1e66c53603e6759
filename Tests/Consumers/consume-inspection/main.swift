// SPDX-License-Identifier: Apache-2.0
import Inspection
import SecurityLayer

/// Shows a ping of CoAP.
func run() throws(SecurityError) {
  let secret = Array("0123456789abcdef".utf8)
  var inspector = try MessageInspector(secret: secret.span)
  let ping: [UInt8] = [0x40, 0x00, 0x12, 0x34]
  print(inspector.text(ping.span))
}

try run()

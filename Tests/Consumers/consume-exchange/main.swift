// SPDX-License-Identifier: Apache-2.0
import CoAPExchange
import CoAPMessage
import ConstrainedCore
import SystemClocks
import UDPTransport

// GET /time, until it is answered or given up.
let socket = try UDPSocket(host: Array("127.0.0.1".utf8).span, port: 5683)
var system = SystemRandomNumberGenerator()
var endpoint = ClientEndpoint<1, 256, 8>(
  parameters: .nbIoT,
  key: (system.next(), system.next())
)
let id = try endpoint.send(.get, token: endpoint.newToken(), random: system.next()) {
  (message: inout MessageWriter) throws(MessageWriterError) in
  try message.option(.uriPath, Array("time".utf8).span)
}
while true {
  while try endpoint.pollTransmit(
    at: MonotonicClock.now(),
    { (datagram: Span<UInt8>) throws(TransportError) in try socket.send(datagram) }
  ) != nil {}
  if endpoint.pollEvent() == .timedOut(id) { break }
  socket.wait(until: endpoint.pollTimeout())
  var datagram = FixedBytes<1_472>()
  try datagram.write { (writer: inout ByteWriter) throws(TransportError) in
    _ = try socket.receive(into: &writer)
  }
  endpoint.handleTimeout(at: MonotonicClock.now())
  guard let message = try? MessageView(datagram.bytes) else { continue }
  if endpoint.handle(message, at: MonotonicClock.now()) == .response(id) { break }
}

// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import ConstrainedCore
internal import HTTPSLayer
internal import StreamTraffic
internal import TrafficLedger

extension HTTPSChannel {
  /// Notes a request for the ledger.
  mutating func note(_ request: borrowing @_addressable HTTPSRequest, _ body: Int) {
    var host = settings.host.count
    if settings.port != 443 {
      // A colon and the digits.
      host += 1
      var rest = settings.port
      while rest > 0 {
        host += 1
        rest /= 10
      }
    }
    counted = (
      request.password.isEmpty ? .authentication : .report,
      request.size(host: host, body: body)
    )
  }

  /// Counts a request that has ended, each time that it was sent.
  mutating func countSends() {
    guard counted.bytes > 0 else { return }
    for number in 0..<sends {
      traffic.count(
        number == 0 || counted.purpose == .authentication ? counted.purpose : .retransmission,
        .up,
        bytes: counted.bytes
      )
    }
    counted.bytes = 0
  }
}
#endif

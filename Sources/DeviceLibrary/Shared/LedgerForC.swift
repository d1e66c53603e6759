// SPDX-License-Identifier: Apache-2.0
#if LEDGER
internal import CDevice
internal import TrafficLedger

extension nbiot_ledger {
  /// A ledger as C has it.
  init(_ ledger: TrafficLedger) {
    self.init(up: nbiot_ledger_side(ledger, .up), down: nbiot_ledger_side(ledger, .down))
  }
}

extension nbiot_ledger_side {
  fileprivate init(_ ledger: TrafficLedger, _ direction: TrafficLedger.Direction) {
    func traffic(_ purpose: TrafficLedger.Purpose) -> nbiot_traffic {
      let count = ledger[purpose, direction]
      return nbiot_traffic(datagrams: count.datagrams, bytes: count.bytes)
    }
    self.init()
    authentication = traffic(.authentication)
    handshake = traffic(.handshake)
    report = traffic(.report)
    answer = traffic(.answer)
    acknowledgement = traffic(.acknowledgement)
    retransmission = traffic(.retransmission)
    overhead = traffic(.overhead)
    keep_alive = traffic(.keepAlive)
    headers = traffic(.headers)
  }
}
#endif

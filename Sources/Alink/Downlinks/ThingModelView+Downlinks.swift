// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
internal import PayloadCoding

extension ThingModelView {
  /// Checks a request that was read from `message`: its properties, names or `inputData` (device guide 6.5); what
  /// is not of the thing model passes.
  public func check(
    _ downlink: Downlink,
    _ message: Span<UInt8>
  ) throws(ThingModelError) {
    var reader = JSONReader(received: message)
    switch downlink.request {
    case .propertySet: try check(propertySet: &reader)
    case .propertyGet: try check(propertyGet: &reader)
    case .service: try check(service: downlink.service.bytes, call: &reader)
    default: return
    }
  }
}

// SPDX-License-Identifier: Apache-2.0
internal import ConstrainedCore
public import PayloadCoding

/// Desired values (device guide 6.6).
extension ThingModelView {
  /// Checks one desired value: a property that the platform may set, and what it may be.
  public func check<Reader: PayloadReader & ~Escapable>(
    desired value: DesiredValue<Reader>
  ) throws(ThingModelError) {
    var reader = value.value
    let place = value.identifier.range.lowerBound
    guard let property = item(of: root.member("properties"), named: value.identifier, in: reader),
      let dataType = property.member("dataType")
    else { throw .unknownIdentifier(offset: place) }
    if let access = property.member("accessMode"), access.isText("r") {
      throw .readOnly(offset: place)
    }
    try check(value: &reader, against: dataType)
  }

  /// The identifier of the first property from the item `position` on that the platform may set, after which
  /// `position` then is; `nil` when there is none.
  func settableProperty(after position: inout Int) -> FixedBytes<64>? {
    guard var place = root.member("properties"), place.enterArray() else { return nil }
    var index = 0
    while place.isBeforeItem() {
      if index >= position {
        position = index + 1
        let isReadOnly = place.member("accessMode")?.isText("r") ?? false
        if !isReadOnly, let name = place.member("identifier")?.text { return name }
      }
      place.skipValue()
      index += 1
    }
    position = index
    return nil
  }
}

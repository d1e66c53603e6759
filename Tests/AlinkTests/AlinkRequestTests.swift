// SPDX-License-Identifier: Apache-2.0
import Alink
import ConstrainedCore
import PayloadCoding
import Testing

/// What the guide prints of them is in GuideRequestTests.
@Suite("Device guide 4 and 6: requests")
struct AlinkRequestTests {
  @Test(arguments: [
    (false, #"{"value":1}"#), (true, "1"),
  ])
  func `a property without a time is shorter, and a plain one shorter still`(
    isPlain: Bool,
    value: String
  ) throws {
    let text = try json(PropertyPost.self) { post throws(AlinkError) in
      post.usesPlainValues = isPlain
      try post.add("on") { (w: inout JSONWriter) throws(CapacityError) in try w.integer(1) }
    }
    #expect(
      text
        == #"{"id":"123","version":"1.0","params":{"on":"# + value
        + #"},"method":"thing.event.property.post"}"#
    )
  }

  @Test func `without room nothing but an error comes of it`() throws {
    let whole = try json(PackPost.self) { pack throws(AlinkError) in try guidePack(&pack) }
    for capacity in 0..<whole.utf8.count {
      #expect(throws: AlinkError.capacity) {
        _ = try json(PackPost.self, capacity: capacity) { pack throws(AlinkError) in
          try guidePack(&pack)
        }
      }
    }
  }
}

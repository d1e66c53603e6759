// SPDX-License-Identifier: Apache-2.0
/// The last elements added, up to a maximum.
struct Recent<Element> {
  private let capacity: Int
  private var elements: [Element] = []
  /// The index of the next element once the maximum is reached, that of the oldest.
  private var next = 0

  init(capacity: Int) {
    self.capacity = capacity
  }

  mutating func add(_ element: Element) {
    guard elements.count == capacity else { return elements.append(element) }
    elements[next] = element
    next = (next + 1) % capacity
  }

  /// All elements, the newest first.
  var newestFirst: some Sequence<Element> {
    let (elements, end) = (elements, next + elements.count)
    return (0..<elements.count).lazy.map { elements[(end - 1 - $0) % elements.count] }
  }
}

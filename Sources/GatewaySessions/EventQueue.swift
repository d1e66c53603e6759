// SPDX-License-Identifier: Apache-2.0
/// Events that wait to be polled, in order.
package struct EventQueue<Event> {
  private var events: [Event] = []
  /// How many of them were polled.
  private var polledCount = 0

  /// Starts empty.
  package init() {}

  /// Whether all were polled.
  package var isEmpty: Bool { polledCount == events.count }

  /// Adds one at the end.
  package mutating func append(_ event: Event) { events.append(event) }

  /// The next one; `nil` when that is all.
  package mutating func next() -> Event? {
    guard polledCount < events.count else {
      events.removeAll(keepingCapacity: true)
      polledCount = 0
      return nil
    }
    defer { polledCount += 1 }
    return events[polledCount]
  }
}

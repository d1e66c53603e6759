/// What became of lines whose reports become durable together, until it can be told.
struct LineBatch {
  private(set) var count = 0
  /// The id of the first report that was accepted.
  private(set) var firstID: UInt64 = 0
  /// Whether the disk has refused one.
  private(set) var isRefused = false
  private var outcomes = InlineArray<1_024, LineOutcome>(repeating: .nothing)

  /// What became of a line.
  subscript(index: Int) -> LineOutcome { outcomes[index] }

  /// Whether another line has room; none follows one that the disk has refused.
  var hasRoom: Bool { count < outcomes.count && !isRefused }

  /// Starts over; `id` is that of the next report.
  mutating func start(after id: UInt64) {
    count = 0
    firstID = id
    isRefused = false
  }

  mutating func append(_ outcome: LineOutcome) {
    outcomes[count] = outcome
    count &+= 1
    if outcome == .disk { isRefused = true }
  }

  /// Takes in that what was accepted is not durable.
  mutating func refuse() {
    for index in 0..<count where outcomes[index] == .accepted { outcomes[index] = .disk }
    isRefused = true
  }

  /// Drops the first line that the disk has refused, and those behind it.
  mutating func cut() {
    for index in 0..<count where outcomes[index] == .disk {
      count = index
      return
    }
  }
}

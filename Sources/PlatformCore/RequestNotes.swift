/// What the platform finds out about a request while it decides, for the log.
package struct RequestNotes: Sendable {
  /// Product key and device name with a slash between, once known.
  package var device: String?
  /// The Alink method of a report on one of the guide's topics.
  package var method: String?
  /// The code of the Alink reply, or what it would be where there is none.
  package var replyCode: ReplyCode?
  /// Why a report's topic was refused; `nil` where it was not.
  package var topicRefusal: TopicVerdict?
  /// What would have had the topic taken.
  package var topicRemedies = TopicRemedies()
  /// Why the request was refused, or what the platform did not take of it.
  package var note = ""
  /// The leniencies that it may need and has needed.
  package var leniencies = LeniencyUse()

  package init() {}
}

/// What a request asks for.
public enum RequestKind: Sendable {
  /// A device proves who it is.
  case authentication
  /// It registers itself.
  case registration
  /// It reports something.
  case report
  /// It fetches what waits for it.
  case pull
}

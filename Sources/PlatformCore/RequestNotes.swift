// SPDX-License-Identifier: Apache-2.0
/// The platform's findings about a request, for the log.
package struct RequestNotes: Sendable {
  /// Product key and device name separated by a slash, once they are known.
  package var device: String?
  /// The Alink method of a report on one of the guide's topics.
  package var method: String?
  /// The code of the Alink reply; if there is no reply, the code that it would have.
  package var replyCode: ReplyCode?
  /// Why the report's topic was refused; `nil` if it was not.
  package var topicRefusal: TopicVerdict?
  /// The changes that would make the topic acceptable.
  package var topicRemedies = TopicRemedies()
  /// Why the request was refused, or which parts of it were not accepted.
  package var note = ""
  /// The leniencies granted, and those needed.
  package var leniencies = LeniencyUse()

  package init() {}
}

/// The purpose of a request.
public enum RequestKind: Sendable {
  /// A device authenticates.
  case authentication
  /// A device registers.
  case registration
  /// A device sends a report.
  case report
  /// A device fetches its waiting messages.
  case pull
}

// SPDX-License-Identifier: Apache-2.0
public import PlatformCore

extension SimulatorAssumptions {
  /// All assumptions: CoAP codes, Alink codes, rules and formats.
  public static var decisions: [Assumption] {
    Assumption.codes + Assumption.replies + Assumption.rules + Assumption.forms
  }
}

extension Assumption {
  fileprivate static var codes: [Assumption] {
    [
      code("unknown-device", \.unknownDevice, "/auth of an unknown device"),
      code("bad-sign", \.badSign, "/auth with a sign that does not match the secret"),
      code(
        "unknown-member",
        \.unknownMember,
        or: "taken",
        "a member of /auth that is not in the guide"
      ),
      code("disabled-device", \.disabledDevice, "a disabled device"),
      code("unknown-token", \.unknownToken, "a token that is unknown, expired or revoked"),
      code("missing-token", \.missingToken, "no token"),
      code("undecryptable", \.undecryptable, "a seq or a payload that cannot be decrypted"),
      code("used-sequence", \.usedSequence, "a seq that is too low or was used before"),
      code(
        "missing-seq",
        \.missingSequence,
        or: "taken",
        "/auth without seq in symmetric mode"
      ),
      code("seq-dtls", \.sequenceOverDTLS, or: "taken", "/auth with seq over DTLS"),
      code("option-2089-dtls", \.sequenceOptionOverDTLS, or: "ignored", "option 2089 over DTLS"),
      code("foreign-topic", \.foreignTopic, "another device's topic"),
      code("unknown-topic", \.unknownTopic, "a topic that does not exist"),
      code("subscribe-topic", \.subscribeTopic, "a topic that devices may only subscribe to"),
      code("long-topic", \.longTopic, "a topic of more than 128 bytes"),
      code("long-payload", \.longPayload, "a payload of more than 1 KB"),
      code("report", \.report, "an accepted report", classes: 2...2),
      code(
        "registration-refused",
        \.registrationRefused,
        "registration of an active or unknown device"
      ),
      code("registration-sign", \.registrationSign, "registration with a wrong sign"),
      code(
        "broken-payload",
        \.brokenPayload,
        or: "reply",
        "an unreadable Alink payload: a reply with 460, or this code"
      ),
    ]
  }

  fileprivate static var replies: [Assumption] {
    [
      reply(
        "letters-in-id",
        \.platform.lettersInIdentifier,
        or: "taken",
        "an id that is not a decimal number"
      ),
      reply(
        "event-mismatch",
        \.platform.eventMismatch,
        "an event that violates the thing model"
      ),
      reply(
        "pack-mismatch",
        \.platform.packMismatch,
        "a pack post that violates the thing model"
      ),
      reply("pack-foreign", \.platform.packForeign, "a pack post of another gateway's sub-device"),
      reply(
        "sub-device-unknown",
        \.platform.subDeviceUnknown,
        "a sub-device that is not in the register"
      ),
      reply(
        "sub-device-foreign",
        \.platform.subDeviceForeign,
        "the secret of another gateway's sub-device"
      ),
      reply("topology-full", \.platform.topologyFull, "the 1,501st sub-device of a gateway"),
      reply("no-model", \.platform.noModel, "thing.dsltemplate.get without a thing model"),
    ]
  }

  fileprivate static var rules: [Assumption] {
    [
      either(
        "second-auth",
        \.platform.endsEarlierToken,
        "ends",
        "keeps",
        "a device's earlier token; if kept, the last eight are valid"
      ),
      either(
        "cbor-auth",
        \.takesCBORAuthentication,
        "taken",
        "refused",
        "/auth in CBOR, refused with 4.15"
      ),
      either(
        "report-format",
        \.checksReportFormat,
        "checked",
        "unchecked",
        "a report's Content-Format: any, read as JSON unless it is 60, or 4.15 for all but 50 and 60"
      ),
      either(
        "query-token",
        \.takesQuery,
        "taken",
        "refused",
        "token and encrypted seq in Uri-Query, the latter in hexadecimal, or 4.02"
      ),
      either(
        "pre-shared-keys",
        \.platform.takesSDKKeysOnly,
        "sdk",
        "any",
        "with DTLS: any method and timestamp, or only the C SDK v4's"
      ),
      either(
        "status-update",
        \.platform.refusesStatusUpdate,
        "refused",
        "taken",
        "the C SDKs' topic thing/status/update"
      ),
      either(
        "moved-device",
        \.recognisesMovedDevices,
        "same",
        "new",
        "in symmetric mode the same message from another address, as NAT makes it: a retransmission, or a new one whose "
          + "seq was used"
      ),
      either("pull", \.servesPull, "served", "missing", "/pull, 4.04 when missing"),
      either(
        "pack-limits",
        \.platform.countsPackPerDevice,
        "device",
        "message",
        "whether 200 properties and 20 events are the limit per device or per pack post"
      ),
      either(
        "sub-device-secret",
        \.platform.tellsAnyGateway,
        "anyone",
        "owner",
        "which gateway gets the secret from thing.sub.register again"
      ),
      either(
        "plain-sha256",
        \.platform.takesPlainSHA256,
        "hmac",
        "refused",
        "the method Sha256 of thing.topo.add"
      ),
      either(
        "desired-version",
        \.platform.restartsVersions,
        "restarts",
        "continues",
        "the version after a desired value was cleared"
      ),
      either(
        "tag-characters",
        \.platform.takesBasicIdeographsOnly,
        "basic",
        "ideographs",
        "Chinese characters in a tag: all of Unicode's ideographs, or U+4E00 to U+9FFF"
      ),
    ]
  }

  fileprivate static var forms: [Assumption] {
    [
      messageID,
      either(
        "message-id-dtls",
        \.namesMessagesOverDTLS,
        "sent",
        "absent",
        "option 2090 over DTLS"
      ),
      either(
        "reply-format",
        \.namesReplyFormat,
        "named",
        "unnamed",
        "the Content-Format of an Alink reply"
      ),
      either(
        "auth-format",
        \.namesAuthenticationFormat,
        "named",
        "unnamed",
        "the Content-Format of a JSON answer to /auth"
      ),
      either(
        "long-reply",
        \.cutsLongReplies,
        "blocks",
        "whole",
        "a reply of more than 1,248 bytes"
      ),
      either(
        "pull-answer",
        \.wrapsPull,
        "envelope",
        "array",
        "the answer to /pull: the array alone, or as data with a code"
      ),
      either(
        "pull-nothing",
        \.emptiesPull,
        "empty",
        "array",
        "the answer to /pull if no messages are waiting"
      ),
      either(
        "registration-answer",
        \.flattensRegistration,
        "flat",
        "envelope",
        "the answer to a registration: its data alone, or with code and message"
      ),
    ]
  }
}

// SPDX-License-Identifier: Apache-2.0
import Alink
import CoAPLink
import ConstrainedCore
import DeviceClient
import MQTTPeers
import PayloadCoding
import PlatformMQTT
import TestSupport
import Testing

@Suite("The async client over MQTT: what the platform sends", .timeLimit(.minutes(15)))
struct MQTTRequestTests {
  private let reply = FakePlatform.topics + "service/property/set_reply"

  @Test func `a request is handed over, and answered once`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client()
    var requests = client.requests.makeAsyncIterator()
    await platform.request(7)
    let request = try #require(try await requests.next())
    #expect(request.kind == .propertySet && request.id == "7" && request.needsReply)
    #expect(request.parameters == Array(#"{"power":"on"}"#.utf8))
    #expect(throws: DeviceRequestError.refused(.form)) { try request.reply(bytes: [1]) }
    #expect(throws: DeviceRequestError.refused(.notAnObject)) { try request.reply(data: [0x31]) }
    try request.reply(code: .success, data: Array(#"{"power":"on"}"#.utf8))
    #expect(throws: DeviceRequestError.refused(.answered)) { try request.reply() }
    let answer = try #require(await platform.next())
    #expect(answer.topic == reply)
    #expect(answer.payload == #"{"id":"7","code":200,"data":{"power":"on"}}"#)
    await client.close()
    #expect(throws: DeviceRequestError.closed) { try request.reply() }
    #expect(try await requests.next() == nil)
  }

  @Test func `an answer that is late is refused, and the platform has got 400`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client { $0.downlinks.timeToAnswer = Milliseconds(50) }
    var requests = client.requests.makeAsyncIterator()
    await platform.request(1)
    let request = try #require(try await requests.next())
    let answer = try #require(await platform.next())
    #expect(answer.payload == #"{"id":"1","code":400,"data":{}}"#)
    #expect(throws: DeviceRequestError.refused(.late)) { try request.reply() }
    await client.close()
  }

  @Test func `what does not fit into the buffer is answered with 429`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client { $0.bufferedRequests = 2 }
    var requests = client.requests.makeAsyncIterator()
    for id in 1...3 { await platform.request(id) }
    let refused = try #require(await platform.next())
    #expect(refused.payload == #"{"id":"3","code":429,"data":{}}"#)
    for id in 1...2 {
      let request = try #require(try await requests.next())
      #expect(request.id == "\(id)")
      try request.reply()
      #expect(await platform.next()?.payload == #"{"id":"\#(id)","code":200,"data":{}}"#)
    }
    await client.close()
  }

  @Test func `requests that nobody takes any more are answered with 429`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client()
    do {
      var requests = client.requests.makeAsyncIterator()
      await platform.request(1)
      _ = try await requests.next()
      await platform.request(2)
      // It is in the buffer once a later one, which is answered at once, has its answer.
      await platform.request(3, "disable")
      #expect(await platform.next()?.topic == FakePlatform.topics + "disable_reply")
    }
    #expect(await platform.next()?.payload == #"{"id":"2","code":429,"data":{}}"#)
    await client.close()
  }

  @Test func `cancelling the task ends the sequence`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client()
    let task = Task {
      var count = 0
      for try await request in client.requests {
        try request.reply()
        count += 1
      }
      return count
    }
    await platform.request(1)
    _ = await platform.next()
    task.cancel()
    #expect(try await task.value == 1)
    await client.close()
  }

  @Test func `bytes are answered with bytes, and own topics are handed over`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client { $0.topicFilters = ["/a1B2c3D4e5F/device1/user/+"] }
    var requests = client.requests.makeAsyncIterator()
    await platform.send(FakePlatform.topics + "model/down_raw", "ask", afterSubscriptions: 12)
    let raw = try #require(try await requests.next())
    #expect(raw.kind == .rawDown && raw.isBytes)
    try raw.reply(bytes: Array("answer".utf8))
    #expect(await platform.next()?.payload == "answer")
    await platform.send("/a1B2c3D4e5F/device1/user/get", "hello", afterSubscriptions: 12)
    let own = try #require(try await requests.next())
    #expect(own.kind == nil && own.payload == Array("hello".utf8) && !own.needsReply)
    #expect(throws: DeviceRequestError.noReply) { try own.reply() }
    await client.close()
  }

  @Test func `a kick ends the sequence, and nothing comes straight back`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client { $0.wantsNotices = true }
    var requests = client.requests.makeAsyncIterator()
    await platform.send(
      "/ext/notify",
      #"{"title":"kick","content":"Kicked by the same device"}"#
    )
    platform.close()
    do {
      while try await requests.next() != nil {}
      Issue.record("it has ended without an error")
    } catch DeviceClientError.resting(.kicked, let left) {
      #expect(left.count > 1_700_000)
    }
    await #expect(throws: DeviceClientError.self) { try await client.publish([1], to: "/a/b") }
    #expect(platform.connects == 1)
    await client.close()
  }

  @Test func `a request of the device waits for the platform's reply`() async throws {
    let platform = try FakePlatform()
    let client = try platform.client()
    let task = Task {
      try await client.request(PropertyPost.self, as: JSONWriter.self) { post throws(AlinkError) in
        try post.add("power") { (json: inout JSONWriter) throws(CapacityError) in
          try json.string(Array("on".utf8).span)
        }
      }
    }
    let request = try #require(await platform.next())
    let id = try #require(request.payload.firstMatch(of: /"id":"([0-9]+)"/)).1
    let topic = FakePlatform.topics + "event/property/post_reply"
    await platform.send(topic, #"{"id":"1","code":460,"data":{}}"#, afterSubscriptions: 1)
    await platform.send(topic, #"{"id":"\#(id)","code":200,"data":{}}"#, afterSubscriptions: 1)
    let answer = try await task.value
    #expect(answer.code == .success && answer.receipt.result.replyCode == 200)
    await client.close()
  }

  @Test func `there are none over CoAP`() async throws {
    let client = try DeviceClient(
      DeviceClientConfiguration(
        productKey: "a1B2c3D4e5F",
        deviceName: "device1",
        host: "127.0.0.1"
      ),
      secret: [1]
    )
    var requests = client.requests.makeAsyncIterator()
    await #expect(throws: DeviceClientError.self) { try await requests.next() }
    await client.close()
  }
}

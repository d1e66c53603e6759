// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite("The configurations that the C library takes and refuses", .timeLimit(.minutes(10)))
struct LibraryConfigurationTests {
  /// Creates a device for each change of a good configuration, and prints the results and a device's size.
  private func results(_ changes: [String], over transport: Compiler.Transport) throws -> [Int] {
    let scratch = try Scratch()
    let cases = changes.map { "TRY(\($0));" }.joined(separator: "\n")
    let program = """
      #include <stdio.h>
      #include <stdlib.h>
      #include <string.h>
      #include "nbiot_device.h"

      static char long_text[200];
      static void hint(int known, void *context) { (void)known; (void)context; }

      static void set_up(nbiot_config *config) {
        memset(config, 0, sizeof *config);
        config->product_key = "a1B2c3D4e5F";
        config->device_name = "device1";
        config->device_secret = "secret";
        config->state_directory = "state";
        config->host = "127.0.0.1";
        config->ca_pem = \(transport == .coap ? "NULL" : "\"an authority\"");
      }

      #define TRY(change) \\
        do { \\
          set_up(&config); \\
          change; \\
          code = nbiot_create(memory, size, &config, &device); \\
          printf("%d\\n", code); \\
          if (code == NBIOT_OK) nbiot_destroy(device); \\
        } while (0)

      int main(void) {
        size_t size = nbiot_device_size();
        void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
        nbiot_config config;
        nbiot_device *device;
        int code;
        memset(long_text, 'a', sizeof long_text - 1);
        (void)hint;
        \(cases)
        printf("%zu\\n", size);
        return 0;
      }

      """
    try Compiler(scratch: scratch).c(program, to: "configurations", over: transport)
    let run = try scratch.run(["./configurations"])
    try #require(run.status == 0, "\(run.errors)")
    return run.output.split(separator: "\n").compactMap { Int($0) }
  }

  private func check(_ expected: [(String, Int)], over transport: Compiler.Transport) throws -> Int
  {
    let results = try results(expected.map(\.0), over: transport)
    try #require(results.count == expected.count + 1)
    for (result, expected) in zip(results, expected) {
      #expect(result == expected.1, "\(expected.0)")
    }
    return try #require(results.last)
  }

  @Test func `over MQTT`() throws {
    let size = try check(
      [
        ("(void)0", 0), ("config.keep_alive = 29", -1), ("config.keep_alive = 30", 0),
        ("config.keep_alive = 1200", 0), ("config.keep_alive = 1201", -1),
        ("config.in_flight = 16", 0), ("config.in_flight = 17", -1),
        ("config.sign_method = 2", 0), ("config.sign_method = 3", -1),
        ("config.websocket = 1", 0), ("config.websocket = 2", -1), ("config.plain = 2", -1),
        ("config.websocket = 1; config.websocket_path = \"/here\"", 0),
        ("config.websocket = 1; config.websocket_path = \"mqtt\"", -1),
        ("config.websocket = 1; config.websocket_path = long_text", -1),
        ("config.ca_pem = NULL", -1), ("config.ca_pem = \" \"", -1),
        ("config.ca_pem = NULL; config.plain = 1", 0),
        ("config.answer_time = 3600", 0), ("config.answer_time = 3601", -1),
        ("config.client_id = \"one\"", 0), ("config.client_id = \"a|b\"", -1),
        ("config.client_id = long_text", -1), ("config.host = \"coaps://example.com\"", -1),
        ("config.host = \"exam ple\"", -1), ("config.host = NULL", 0),
        ("config.desired = \"power, level\"", 0), ("config.desired = \"power,,level\"", -1),
        ("config.desired = \"a b\"", -1), ("config.firmware_version = \"1.0\"", 0),
        ("config.firmware_version = long_text", -1), ("config.firmware_version = \"\\xFF\"", -1),
        ("config.interrupted_version = \"2.0\"", -1), ("config.interrupted_digest = \"12\"", -1),
        (
          "config.interrupted_version = \"2.0\"; "
            + "config.interrupted_digest = \"93230c3bde425a9d7984a594ac55ea1e\"", 0
        ),
        ("config.keep_session = 1; config.notices = 1; config.reports_only = 1", 0),
        ("config.keep_session = 2", -1), ("config.notices = 2", -1),
        ("config.reports_only = 2", -1), ("config.ignore_replies = 1", 0),
        ("config.ignore_replies = 2", -1), ("config.thing_model = \"{}\"", 0),
        ("config.thing_model = \"{\"", -1),
        ("config.thing_model = \"\"", -1),
        // Of CoAP alone.
        ("config.security = 1", -1), ("config.timing = 1", -1), ("config.server_name = \"x\"", -1),
        ("config.token_lifetime = 1", -1), ("config.radio_hint = hint", -1),
        ("config.allow_common_name = 1", -1),
        // Of HTTPS alone.
        ("config.payload_limit = 1", -1), ("config.proxy = 1", -1), ("config.timestamp = 1", -1),
      ],
      over: .mqtt
    )
    try checkStated(size, over: .mqtt)
  }

  /// docs/c.md and the header state a device's size.
  private func checkStated(_ size: Int, over transport: Compiler.Transport) throws {
    for file in ["docs/c.md", "Sources/CDevice/nbiot_device.h"] {
      let text = try Place.contents(file)
      let sizes = try Regex(
        "over \(transport.rawValue) ([0-9.]+) KB",
        as: (Substring, Substring).self
      )
      let stated = try #require(text.firstMatch(of: sizes), "\(file)")
      let bytes = try #require(Double(stated.1)) * 1_024
      #expect(abs(bytes - Double(size)) < 512, "\(size) bytes")
    }
  }

  @Test func `over HTTPS, which has nothing of CoAP and little of MQTT`() throws {
    let size = try check(
      [
        ("(void)0", 0), ("config.sign_method = 1", 0), ("config.sign_method = 2", 0),
        ("config.sign_method = 3", -1), ("config.proxy = 1", 0), ("config.proxy = 2", -1),
        ("config.timestamp = 1", 0), ("config.timestamp = 2", -1),
        ("config.payload_limit = 1", 0), ("config.payload_limit = 131072", 0),
        ("config.payload_limit = 131073", -1), ("config.payload_limit = UINT32_MAX", -1),
        ("config.outbox_bytes = 132096", 0), ("config.outbox_bytes = 132095", -1),
        ("config.outbox_bytes = 4096; config.payload_limit = 3072", 0),
        ("config.outbox_bytes = 4096; config.payload_limit = 3073", -1),
        ("config.token_lifetime = 3600", 0), ("config.max_attempts = 256", -1),
        ("config.ca_pem = NULL", -1), ("config.ca_pem = \" \"", -1),
        ("config.host = NULL", 0), ("config.host = \"https://example.com:8443/\"", 0),
        ("config.host = \"example.com:8443\"", 0), ("config.host = \"\"", -1),
        ("config.host = \"https://\"", -1), ("config.host = \"http://example.com\"", -1),
        ("config.host = \"coaps://example.com\"", -1), ("config.host = \"exam ple\"", -1),
        ("config.host = \"example.com:1\"; config.port = 2", -1),
        ("config.client_id = \"one\"", 0), ("config.client_id = long_text", -1),
        // Of the others alone.
        ("config.security = 1", -1), ("config.timing = 1", -1), ("config.server_name = \"x\"", -1),
        ("config.radio_hint = hint", -1), ("config.allow_common_name = 1", -1),
        ("config.websocket = 1", -1), ("config.plain = 1", -1), ("config.keep_session = 1", -1),
        ("config.notices = 1", -1), ("config.reports_only = 1", -1),
        ("config.ignore_replies = 1", -1), ("config.in_flight = 1", -1),
        ("config.keep_alive = 300", -1), ("config.answer_time = 30", -1),
        ("config.websocket_path = \"/mqtt\"", -1), ("config.firmware_version = \"1.0\"", -1),
        ("config.desired = \"power\"", -1), ("config.interrupted_version = \"2.0\"", -1),
        ("config.interrupted_digest = \"12\"", -1), ("config.thing_model = \"{}\"", -1),
      ],
      over: .https
    )
    try checkStated(size, over: .https)
  }

  /// A program that prints the text of each reason, and of the one behind the last.
  @Test(arguments: [Compiler.Transport.mqtt, .https])
  func `each reason has a text over the other transports too`(
    transport: Compiler.Transport
  ) throws {
    let scratch = try Scratch()
    let program = """
      #include <stdio.h>
      #include "nbiot_device.h"

      int main(void) {
        int reason;
        for (reason = 0; reason <= NBIOT_REASON_AUTHORITIES + 1; reason++)
          printf("%s\\n", nbiot_reason_text(reason));
        return 0;
      }

      """
    try Compiler(scratch: scratch).c(program, to: "reasons", over: transport)
    let texts = try scratch.run(["./reasons"]).output.split(separator: "\n")
    try #require(texts.count == 41)
    #expect(texts[0] == "none" && texts[40] == "none")
    #expect(texts[13].contains("no authority in ca_pem"))
    switch transport {
    case .mqtt:
      #expect(texts[34].contains("not MQTT") && texts[35].contains("more than the device"))
    default:
      #expect(texts[34].contains("not HTTP") && texts[36].contains("HTTP status"))
      #expect(texts[39].contains("ca_pem has no usable certificate"))
      #expect(!texts[1..<40].contains("none"))
    }
  }

  @Test func `over CoAP, which has nothing of MQTT and HTTPS`() throws {
    _ = try check(
      [
        ("(void)0", 0), ("config.websocket = 1", -1), ("config.plain = 1", -1),
        ("config.keep_session = 1", -1), ("config.notices = 1", -1),
        ("config.reports_only = 1", -1), ("config.thing_model = \"{}\"", -1),
        ("config.ignore_replies = 1", -1),
        ("config.sign_method = 1", -1),
        ("config.in_flight = 1", -1), ("config.keep_alive = 300", -1),
        ("config.answer_time = 30", -1), ("config.websocket_path = \"/mqtt\"", -1),
        ("config.firmware_version = \"1.0\"", -1), ("config.desired = \"power\"", -1),
        ("config.interrupted_version = \"2.0\"", -1), ("config.interrupted_digest = \"12\"", -1),
        ("config.payload_limit = 1", -1), ("config.proxy = 1", -1), ("config.timestamp = 1", -1),
        ("config.radio_hint = hint", 0), ("config.timing = 3", 0),
      ],
      over: .coap
    )
  }
}

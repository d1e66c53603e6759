// SPDX-License-Identifier: Apache-2.0
import Foundation
import TestSupport
import Testing

@Suite(
  "The console's pages in a browser",
  .serialized,
  .enabled(if: Chromium.isInstalled, "Chromium is missing")
)
struct ConsolePageTests {
  private static let product = "a1B2c3D4e5F"

  /// `nbiot simulate --console`, with devices and a thing model.
  private final class Watched {
    let folder: DTLSCommandTests.Folder
    let process: Process
    private(set) var port = 0
    private(set) var url = ""
    static let secret = "0123456789abcdef0123456789abcdef"

    init(devices: Int) throws {
      let folder = try DTLSCommandTests.Folder()
      self.folder = folder
      func write(_ name: String, _ text: String) throws {
        try writeSecret(text, to: URL(filePath: folder.path(name)))
      }
      let list = (1...devices).map { number in
        "\(product),device\(String(repeating: "0", count: 5 - "\(number)".count))\(number),\(Self.secret)\n"
      }
      try write("devices.csv", list.joined())
      try write("secret.txt", Self.secret + "\n")
      try write("wrong.txt", "fedcba9876543210fedcba9876543210\n")
      try write(
        "model.json",
        #"{"properties":[{"identifier":"Power","name":"Power","accessMode":"rw","dataType":{"type":"int"}}],"#
          + #""services":[{"identifier":"Reset","name":"Reset it","inputData":[]}],"events":[]}"#
      )
      process = nbiotTests.process([
        "simulate", "--port", "0", "--console", "0", "--device-list", folder.path("devices.csv"),
        "--thing-model", folder.path("model.json"),
      ])
      let output = Pipe.ofChild()
      process.standardOutput = output
      let log = OutputLines(output)
      try process.start()
      let first = try log.next { $0.contains("listening") }
      port = try #require(first.firstMatch(of: /port ([0-9]+)/).flatMap { Int($0.1) })
      url = String(try log.next { $0.hasPrefix("console at ") }.dropFirst("console at ".count))
    }

    deinit { if process.isRunning { kill(process.processIdentifier, SIGKILL) } }

    func publish(_ device: String, _ power: Int, secret: String = "secret.txt") async throws -> Run
    {
      try await nbiot([
        "publish", "--endpoint", "127.0.0.1:\(port)", "--product-key", product, "--device-name",
        device, "--device-secret-file", folder.path(secret), "--topic",
        "/sys/\(product)/\(device)/thing/event/property/post", "--payload",
        #"{"id":"1","version":"1.0","params":{"Power":{"value":\#(power)}},"#
          + #""method":"thing.event.property.post"}"#,
      ])
    }
  }

  @Test(.timeLimit(.minutes(15)))
  func `why a device does not report is found by clicking, and what it says is opened`()
    async throws
  {
    let watched = try Watched(devices: 3)
    let browser = try await Chromium()
    try await browser.open(watched.url)
    try await browser.wait(
      for: "document.getElementById('filter-unseen').textContent === 'Never seen 3'"
    )
    #expect(try await watched.publish("device00001", 21).status == 0)
    #expect(try await watched.publish("device00002", 1, secret: "wrong.txt").status != 0)
    try await browser.wait(
      for: "document.getElementById('filter-refused').textContent === 'Refused 1'"
    )
    try await browser.click("#filter-refused")
    try await browser.wait(
      for: "document.querySelectorAll('#rows .row:not([hidden])').length === 1"
    )
    try await browser.click("#rows .row:not([hidden])")
    try await browser.wait(
      for: "document.querySelector('.why')?.textContent.includes('the sign does not fit')"
    )
    #expect(
      try await browser.text("document.querySelector('#device h2').textContent").hasSuffix(
        "/device00002"
      )
    )

    try await browser.click(".back")
    try await browser.click("#filter-all")
    try await browser.click("#rows .row:not([hidden])")
    try await browser.wait(for: "document.querySelectorAll('.messages details').length === 2")
    try await browser.click(".messages summary")
    try await browser.wait(for: "document.querySelectorAll('.messages pre').length === 4")
    let opened = try await browser.text("document.querySelector('.inside').textContent")
    for part in [
      "Content-Format 50", #"Uri-Path "topic""#, "Sequence number", #""Power":{"value":21}"#,
      "CON POST", "ACK 2.0", "bytes up",
    ] {
      #expect(opened.contains(part), "\(part): \(opened)")
    }
    try await Self.checkSecrets(watched, browser)
    try await Self.checkOrders(browser)
    browser.close()
  }

  /// Sets a property, which waits for `/pull`, and adds and removes a fault.
  private static func checkOrders(_ browser: Chromium) async throws {
    try await browser.click(".tool:nth-of-type(1) > summary")
    try await browser.click("#property-Power")
    try await browser.type("7" + Key.enter)
    try await browser.wait(
      for: "document.querySelector('.tool .result').textContent.includes('waits for its /pull')"
    )
    try await browser.wait(for: "document.querySelector('.numbers').textContent.includes('/pull1')")
    try await browser.type(Key.escape)
    try await browser.type("f")
    try await browser.wait(for: "document.body.dataset.page === 'faults'")
    try await browser.run(
      "[...document.querySelectorAll('#faults button')].find(b => b.textContent === 'Lose all').click()"
    )
    try await browser.wait(
      for: "document.querySelector('.fault-list code')?.textContent.startsWith('drop')"
    )
    try await browser.click(".fault-list button")
    try await browser.wait(for: "document.querySelector('.fault-list').textContent === 'None.'")
  }

  /// No secret is in what the console sends, nor a whole token.
  private static func checkSecrets(_ watched: Watched, _ browser: Chromium) async throws {
    let page = try await browser.text("document.documentElement.outerHTML")
    #expect(!page.contains(Watched.secret))
    #expect(page.firstMatch(of: /[0-9A-Za-z]{30}\.[0-9a-f]{4}/) == nil)
    #expect(page.contains("*****"))
  }

  @Test(.timeLimit(.minutes(15)))
  func
    `10,000 devices are searched, sorted and walked through by keys, and few rows are in the page`()
    async throws
  {
    let watched = try Watched(devices: 10_000)
    let browser = try await Chromium()
    try await browser.open(watched.url)
    try await browser.wait(for: "document.getElementById('filter-all').textContent === 'All 10000'")
    #expect(
      try await browser.run("return document.querySelectorAll('#rows .row').length < 100") as? Bool
        == true
    )
    try await browser.type("/")
    try await browser.type("0567")
    try await browser.wait(for: "document.getElementById('filter-all').textContent === 'All 11'")
    try await browser.type(Key.down)
    try await browser.wait(for: "document.activeElement.textContent.includes('device00567')")
    try await browser.type(Key.enter)
    try await browser.wait(
      for: "document.querySelector('#device h2')?.textContent.endsWith('device00567')"
    )
    try await browser.type(Key.escape)
    try await browser.wait(for: "document.activeElement.textContent.includes('device00567')")
    try await browser.type("/" + Key.escape)
    try await browser.wait(for: "document.getElementById('filter-all').textContent === 'All 10000'")
    try await browser.wait(for: "document.activeElement.classList.contains('row')")
    try await browser.type(Key.end)
    try await browser.wait(for: "document.activeElement.textContent.includes('device10000')")
    try await browser.type(Key.up + Key.home + "j")
    try await browser.wait(for: "document.activeElement.textContent.includes('device00002')")
    try await browser.click("#heads .name button")
    try await browser.wait(for: "document.querySelector('[aria-sort=descending]') !== null")
    #expect(
      try await browser.run("return document.querySelectorAll('#rows .row').length < 100") as? Bool
        == true
    )
    browser.close()
  }

  @Test(.timeLimit(.minutes(15)))
  func `a screen reader finds its way, in both themes text is legible, and no page is too wide`()
    async throws
  {
    let watched = try Watched(devices: 3)
    #expect(try await watched.publish("device00001", 21).status == 0)
    let browser = try await Chromium()
    for (width, isDark) in [(1_600, false), (400, true), (400, false), (1_600, true)] {
      try await browser.resize(width, 800)
      try await browser.prefer(dark: isDark)
      for page in ["#/", "#/device/\(Self.product)/device00001", "#/faults"] {
        try await browser.open("about:blank")
        try await browser.open(watched.url + page)
        let last =
          page == "#/"
          ? "#rows .row:not([hidden])" : page == "#/faults" ? ".fault-list li" : ".messages summary"
        try await browser.wait(for: "document.querySelector('\(last)') !== null")
        let tooWide = "document.documentElement.scrollWidth > innerWidth"
        #expect(try await browser.run("return \(tooWide)") as? Bool == false, "\(width) \(page)")
        let faint = try await browser.text(Self.faintTexts)
        #expect(faint.isEmpty, "\(width) \(isDark ? "dark" : "light") \(page): \(faint)")
        let tree = try await browser.tree()
        for part in Self.landmarks[page] ?? ["heading \(Self.product)/device00001", "term Missing"]
        {
          #expect(tree.contains(part), "\(page) \(part): \(tree)")
        }
      }
    }
    browser.close()
  }

  private static let landmarks = [
    "#/": [
      "heading nbiot console", "navigation Pages", "link Faults", "searchbox Search",
      "grid Devices",
      "columnheader Device", "gridcell \(product)/device00001",
    ],
    "#/faults": [
      "heading Faults", "button Lose 10 %", "group Faults that last", "combobox For how long",
    ],
  ]

  /// The texts whose contrast with what is behind them is below 4.5 (WCAG 2.1 Section 1.4.3).
  private static let faintTexts = """
    (() => {
      const parts = (text) => (text.match(/[0-9.]+/g) || []).map(Number);
      const luminance = (color) => parts(color).slice(0, 3)
        .map((part) => part / 255).map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
      const behind = (element) => {
        for (let one = element; one; one = one.parentElement) {
          const color = getComputedStyle(one).backgroundColor;
          const alpha = parts(color)[3];
          if (alpha === undefined || alpha > 0.99) return color;
        }
        return "rgb(255, 255, 255)";
      };
      const faint = [];
      for (const element of document.querySelectorAll("body *")) {
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
        if (!own || element.closest("[hidden], noscript") || element.getClientRects().length === 0) continue;
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (contrast < 4.5) faint.push(`${element.textContent.slice(0, 40)} ${contrast.toFixed(1)}`);
      }
      return faint.join("; ");
    })()
    """
}

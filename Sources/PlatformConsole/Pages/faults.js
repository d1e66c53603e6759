// SPDX-License-Identifier: Apache-2.0
// Faults of the network and of the platform, to click.
import { ask, duration, element } from "./format.js";

const lasting = [
  ["Lose 10 %", "drop=10%"], ["Lose 50 %", "drop=50%"], ["Lose all", "drop"],
  ["Twice, 10 %", "duplicate=10%"], ["Flip bits, 10 %", "corrupt=10%"], ["Out of order, 20 %", "reorder=20%"],
  ["2 s late", "delay=2s"], ["5 to 15 s late", "delay=5s..15s"], ["New address after 60 s", "nat=60s"],
  ["Answer 4.01", "answer=4.01"], ["Answer 5.00", "answer=5.00"],
  ["Answer 4.29, wait 60 s", "answer=4.29,max-age=60"], ["Refuse /auth with 4.03", "answer=4.03,on=auth"],
];

const once = [
  ["Forget sessions", "forget"], ["Restart, gone for 1 min", "restart=1m"], ["Clock 8 days ahead", "clock=8d"],
  ["New addresses", "nat"],
];

const lengths = [["1 min", ",for=1m"], ["10 min", ",for=10m"], ["1 h", ",for=1h"], ["until removed", ""]];

/** Buttons of the faults of `device()`, or of those that a field names where that gives `null`. */
export function faultButtons(device, done) {
  const result = element("output", { class: "result" });
  const length = element("select", { "aria-label": "For how long" }, ...lengths.map(([title, text]) =>
    element("option", { value: text }, title)));
  const isFree = device() === null;
  const scope = isFree
    ? element("input", { "aria-label": "Which devices", placeholder: "all devices, or such as meter*" }) : null;
  const add = async (text) => {
    try {
      const answer = await ask("/api/faults", { fault: text });
      result.textContent = answer.outcome === "done" ? `added: ${text}` : answer.reason;
    } catch (error) {
      result.textContent = error.message;
    }
    done();
  };
  const restricted = (text) => {
    const name = isFree ? scope.value.trim() : device();
    return text + (name ? `,device=${name}` : "") + length.value;
  };
  const button = ([title, text], make) =>
    element("button", { type: "button", title: text, click: () => add(make(text)) }, title);
  const parts = [
    element("div", { class: "row-of" }, scope ?? "", element("label", {}, "For ", length)),
    element("div", { class: "row-of", role: "group", "aria-label": "Faults that last" },
      ...lasting.map((fault) => button(fault, restricted))),
  ];
  if (isFree) {
    parts.push(element("h3", {}, "Once, for all"));
    parts.push(element("div", { class: "row-of", role: "group", "aria-label": "Faults that happen once" },
      ...once.map((fault) => button(fault, (text) => text))));
    const own = element("input", {
      "aria-label": "A fault in words", placeholder: "drop=10%,for=1h", spellcheck: "false", required: true,
    });
    parts.push(element("form", {
      class: "row-of", submit: (event) => { event.preventDefault(); add(own.value.trim()); },
    }, own, element("button", { type: "submit" }, "Add")));
  }
  parts.push(result);
  return element("div", { class: "faults" }, ...parts);
}

export class FaultsPage {
  constructor() {
    this.place = document.getElementById("faults");
  }

  open() {
    if (this.timer) return;
    this.list = element("ul", { class: "fault-list" });
    this.place.replaceChildren(
      element("p", {}, element("a", { href: "#/", class: "back" }, "← All devices")),
      element("h2", { tabindex: -1 }, "Faults"),
      faultButtons(() => null, () => this.load()),
      element("h3", {}, "In force"), this.list,
      element("button", { type: "button", click: () => this.remove("all") }, "Remove all"),
    );
    this.load();
    this.timer = setInterval(() => this.load(), 2000);
    this.place.querySelector("h2").focus({ preventScroll: true });
  }

  close() {
    clearInterval(this.timer);
    this.timer = null;
    this.place.replaceChildren();
  }

  async load() {
    let answer;
    try { answer = await ask("/api/faults"); } catch { return; }
    if (!this.timer) return;
    const faults = answer.faults ?? [];
    const shape = JSON.stringify(faults.map((fault) => fault.id));
    if (shape !== this.shape || this.list.children.length === 0) {
      this.shape = shape;
      this.list.replaceChildren(...(faults.length === 0 ? [element("li", { class: "quiet" }, "None.")] : faults.map(
        (fault) => element("li", {}, element("code", {}, fault.fault), element("span", {}),
          element("button", {
            type: "button", "aria-label": `Remove ${fault.fault}`, click: () => this.remove(fault.id),
          }, "Remove")))));
    }
    faults.forEach((fault, place) => {
      const left = fault.milliseconds === undefined ? "" : `, ${duration(fault.milliseconds)} left`;
      this.list.children[place].children[1].textContent = `happened ${fault.count} ${fault.count === 1 ? "time" : "times"}${left}`;
    });
  }

  async remove(id) {
    try { await ask("/api/faults/remove", { id }); } catch { /* The list says what is in force. */ }
    this.load();
  }
}

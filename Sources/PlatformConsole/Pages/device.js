// SPDX-License-Identifier: Apache-2.0
// A device's page: why it does not report, what came from it, and what can be sent to it.
import { address, ask, bytes, chart, duration, element, number } from "./format.js";
import { faultButtons } from "./faults.js";

export class DevicePage {
  constructor(world) {
    this.world = world;
    this.place = document.getElementById("device");
    this.path = null;
  }

  async open(path) {
    if (this.path === path) return;
    this.path = path;
    this.opened = new Map();
    this.forms = null;
    this.build();
    // What is missing grows while nothing comes.
    clearInterval(this.clock);
    this.clock = setInterval(() => { if (!document.hidden) this.changed(); }, 3000);
    await this.load();
    this.place.querySelector("h2")?.focus({ preventScroll: true });
  }

  close() {
    clearInterval(this.clock);
    this.path = null;
    this.place.replaceChildren();
  }

  /** Something has come of the device: the page is loaded anew, once a second at most. */
  changed() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      if (this.path !== null) this.load();
    }, 1000);
  }

  build() {
    const title = this.path === "" ? "Not recognised" : this.path;
    this.why = element("ul", { class: "why" });
    this.numbers = element("dl", { class: "numbers" });
    this.charts = element("div", { class: "charts" });
    this.actions = element("div", { class: "actions" });
    this.messages = element("div", { class: "messages" });
    this.note = element("p", { class: "quiet" }, "loading…");
    const hasDevice = this.path !== "";
    this.place.replaceChildren(
      element("p", {}, element("a", { href: "#/", class: "back" }, "← All devices")),
      element("h2", { tabindex: -1 }, title),
      hasDevice ? element("h3", {}, "How it stands") : "", this.why,
      this.numbers, this.charts, this.actions,
      element("h3", {}, "Messages, the newest first"), this.note, this.messages,
    );
  }

  async load() {
    const path = this.path;
    let page;
    try {
      page = await ask(`/api/devices/${address(path)}`);
    } catch (error) {
      if (this.path === path) this.note.textContent = error.message;
      return;
    }
    if (this.path !== path) return;
    this.showWhy(page);
    this.showNumbers(page);
    this.showCharts(page);
    if (path !== "" && !this.forms) this.makeForms(page);
    this.showMessages(page);
  }

  showWhy(page) {
    this.why.replaceChildren(...page.why.map((line) => element("li", {}, line)));
  }

  showNumbers(page) {
    const [, , , seen, report, interval, reports, again, trips, up, down, refusals, transport] = page.row;
    const held = page.platform;
    const facts = [
      ["Last heard of", seen > 0 ? `${duration(page.now - seen)} ago` : "never"],
      ["Last report", report > 0 ? `${duration(page.now - report)} ago` : "none"],
      ["Reports every", interval > 0 ? duration(interval) : "not known yet"],
      ["Missing", page.missing], ["Reports", reports], ["Authentications", page.authentications],
      ["Repeated requests", again], ["Round trips", trips], ["Refused", refusals],
      ["Bytes up", bytes(up)], ["Bytes down", bytes(down)], ["Comes over", transport || "–"],
    ];
    if (held.waiting !== undefined) facts.push(["Waiting for /pull", held.waiting]);
    this.numbers.replaceChildren(...facts.map(([name, value]) =>
      element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))));
  }

  showCharts(page) {
    this.charts.replaceChildren(...page.series.map((series) => {
      const line = chart(300, 80);
      line.show(series.values);
      const low = Math.min(...series.values);
      const high = Math.max(...series.values);
      return element("figure", {},
        element("figcaption", {}, `${series.name} ${number(series.values.at(-1))}`), line.svg,
        element("p", { class: "quiet" },
          series.values.length === 1 ? "1 reading"
            : `${series.values.length} readings, ${number(low)} to ${number(high)}`));
    }));
  }

  // Messages

  showMessages(page) {
    this.note.textContent = page.messages.length === 0 ? "None." : "";
    const made = page.messages.map((message) => {
      const known = this.opened.get(message.id);
      if (known) {
        known.time.textContent = `${duration(page.now - message.time)} ago`;
        return known;
      }
      return this.makeMessage(message, page.now);
    });
    this.opened = new Map(made.map((entry) => [entry.id, entry]));
    const wanted = made.map((entry) => entry.details);
    // Only what is new is moved, so that open messages and the focus stay.
    wanted.forEach((details, place) => {
      if (this.messages.children[place] !== details) {
        this.messages.insertBefore(details, this.messages.children[place] ?? null);
      }
    });
    while (this.messages.children.length > wanted.length) this.messages.lastChild.remove();
  }

  makeMessage(message, now) {
    const time = element("span", { class: "time" }, `${duration(now - message.time)} ago`);
    const inside = element("div", { class: "inside" });
    const seq = message.seq === null ? "" : `seq ${message.seq}`;
    const details = element("details", {
      class: message.good ? "good" : "bad",
      toggle: () => { if (details.open && !inside.hasChildNodes()) this.openMessage(message, inside); },
    },
      element("summary", {}, time,
        element("span", { class: "what" }, `${message.transport} ${message.title}`),
        element("span", { class: "seq" }, seq),
        element("span", { class: "outcome" }, message.outcome),
        element("span", { class: "cost" }, `${message.up} B up, ${message.down} B down`),
        message.note ? element("span", { class: "reason" }, message.note) : null),
      inside);
    return { id: message.id, details, time };
  }

  async openMessage(message, inside) {
    const place = element("p", { class: "quiet" }, "opening…");
    inside.append(place);
    try {
      const opened = await ask(`/api/devices/${address(this.path)}/messages/${message.id}`);
      const parts = opened.sections.map((section) => element("section", {},
        element("h4", {}, section.title), element("pre", { tabindex: 0 }, section.text)));
      const number = opened.messageID ? `, the platform's message ${opened.messageID}` : "";
      inside.replaceChildren(
        element("p", { class: "quiet" }, `Cost ${opened.up} bytes up and ${opened.down} bytes down${number}.`),
        ...parts);
    } catch (error) {
      place.textContent = error.message;
    }
  }

  // What can be sent

  makeForms(page) {
    this.forms = true;
    const parts = [];
    const held = page.platform;
    if (this.world.pushObstacle) {
      parts.push(element("p", { class: "quiet" }, this.world.pushObstacle));
    } else if (held.isKnown) {
      parts.push(this.propertyForm(held), this.serviceForm(held));
    }
    const faults = element("details", { class: "tool" }, element("summary", {}, "Faults of this device"),
      faultButtons(() => this.path, () => this.load()));
    parts.push(faults);
    this.actions.replaceChildren(...parts.filter((part) => part !== null));
  }

  propertyForm(held) {
    const model = (held.modelProperties ?? []).filter((property) => property.accessMode !== "r");
    const output = element("output", { class: "result" });
    const known = { ...held.properties, ...held.desired };
    const fields = model.map((property) => this.field(property, known[property.identifier]));
    const free = fields.length === 0
      ? element("textarea", { rows: 3, spellcheck: "false", "aria-label": "Properties in JSON" }, "{\n  \"Power\": 1\n}")
      : null;
    const isKept = element("input", { type: "checkbox" });
    const form = element("form", {
      submit: (event) => {
        event.preventDefault();
        let params;
        try {
          params = free ? JSON.parse(free.value) : read(fields);
        } catch (error) {
          output.textContent = `not sent: ${error.message}`;
          return;
        }
        this.push({ kind: isKept.checked ? "desired" : "property-set", params }, output);
      },
    }, ...fields.map((field) => field.label), free ?? "",
      element("label", { class: "check" }, isKept, "keep as desired values too"),
      element("button", { type: "submit" }, "Set"), output);
    return element("details", { class: "tool" }, element("summary", {}, "Set properties"), form);
  }

  serviceForm(held) {
    const services = (held.modelServices ?? []).filter((service) =>
      !["set", "get"].includes(service.identifier));
    const name = services.length > 0
      ? element("select", { "aria-label": "Service" }, ...services.map((service) =>
        element("option", { value: service.identifier }, service.name ?? service.identifier)))
      : element("input", { "aria-label": "Service", placeholder: "identifier", required: true });
    const params = element("textarea", { rows: 3, spellcheck: "false", "aria-label": "Parameters in JSON" }, "{}");
    const propose = () => {
      const service = services.find((service) => service.identifier === name.value);
      const inputs = Array.isArray(service?.inputData) ? service.inputData : [];
      const values = Object.fromEntries(inputs.map((input) =>
        [input.identifier, example(input.dataType)]));
      params.value = JSON.stringify(values, null, 2);
    };
    if (services.length > 0) {
      name.addEventListener("change", propose);
      propose();
    }
    const output = element("output", { class: "result" });
    const form = element("form", {
      submit: (event) => {
        event.preventDefault();
        let values;
        try {
          values = JSON.parse(params.value);
        } catch (error) {
          output.textContent = `not sent: ${error.message}`;
          return;
        }
        this.push({ kind: "service", service: name.value, params: values }, output);
      },
    }, name, params, element("button", { type: "submit" }, "Call"), output);
    return element("details", { class: "tool" }, element("summary", {}, "Call a service"), form);
  }

  field(property, value) {
    const type = property.dataType?.type ?? "text";
    const id = `property-${property.identifier}`;
    const choices = type === "bool" || type === "enum" ? Object.entries(property.dataType.specs ?? {}) : null;
    const input = choices
      ? element("select", { id }, element("option", { value: "" }, "–"), ...choices.map(([key, text]) =>
        element("option", { value: key, selected: String(value) === key }, `${key} ${text}`)))
      : element("input", { id, placeholder: type });
    if (!choices && value !== undefined && value !== null) {
      input.placeholder = typeof value === "object" ? JSON.stringify(value) : String(value);
    }
    const label = element("label", { for: id }, `${property.name ?? property.identifier} `, input);
    return { identifier: property.identifier, type, input, label };
  }

  async push(request, output) {
    output.textContent = "sent, waiting…";
    const slash = this.path.indexOf("/");
    try {
      const answer = await ask("/api/push", {
        ...request, productKey: this.path.slice(0, slash), deviceName: this.path.slice(slash + 1),
      });
      const words = {
        answered: `answered after ${answer.milliseconds} ms: ${answer.answer ?? ""}`,
        silent: "sent, but the device has not answered", sent: "sent",
      };
      output.textContent = words[answer.outcome] ?? `${answer.outcome}: ${answer.reason ?? ""}`;
    } catch (error) {
      output.textContent = error.message;
    }
    this.load();
  }
}

/** The values of the fields that have one. */
function read(fields) {
  const values = {};
  for (const field of fields) {
    const text = field.input.value.trim();
    if (text === "") continue;
    if (field.type === "text" || field.type === "date") values[field.identifier] = text;
    else values[field.identifier] = JSON.parse(text);
  }
  if (Object.keys(values).length === 0) throw new Error("give a property a value");
  return values;
}

function example(dataType) {
  switch (dataType?.type) {
    case "text": case "date": return "";
    case "array": return [];
    case "struct": return {};
    default: return Number(dataType?.specs?.min ?? 0);
  }
}

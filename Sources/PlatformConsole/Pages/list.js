// SPDX-License-Identifier: Apache-2.0
// The list of devices: only the rows in sight are in the page.
import { bytes, chart, duration, element, number } from "./format.js";

const columns = [
  { id: "name", title: "Device", key: (device) => device.key },
  { id: "state", title: "State", key: (device, list) => list.rank(device), falls: true },
  { id: "reading", title: "Reading", key: (device) => device.values.at(-1) ?? -Infinity, falls: true },
  { id: "chart", title: "Last readings" },
  { id: "report", title: "Last report", key: (device) => device.report, falls: true },
  { id: "missing", title: "Missing", key: (device, list) => list.world.missing(device), falls: true },
  { id: "again", title: "Repeated", key: (device) => device.again, falls: true },
  { id: "trips", title: "Round trips", key: (device) => device.trips, falls: true },
  { id: "bytes", title: "Bytes", key: (device) => device.up + device.down, falls: true },
];

const filters = [
  { id: "all", title: "All", test: () => true },
  { id: "missing", title: "Missing", test: (device, list) => list.world.missing(device) > 0 },
  { id: "refused", title: "Refused", test: (device) => device.state === 2 },
  { id: "unseen", title: "Never seen", test: (device) => device.state === 0 },
];

export class List {
  constructor(world, open) {
    this.world = world;
    this.open = open;
    this.table = document.getElementById("table");
    this.viewport = document.getElementById("viewport");
    this.box = document.getElementById("rows");
    this.input = document.getElementById("search");
    this.sort = columns[0];
    this.isFalling = false;
    this.filter = filters[0];
    this.words = [];
    this.order = [];
    this.pool = [];
    this.active = 0;
    this.selected = null;
    this.makeHeads();
    this.makeFilters();
    this.viewport.addEventListener("scroll", () => this.draw(), { passive: true });
    this.input.addEventListener("input", () => this.search(this.input.value));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "Enter") {
        event.preventDefault();
        this.move(0);
        if (event.key === "Enter" && this.order.length > 0) this.open(this.order[0]);
      }
    });
    this.box.addEventListener("keydown", (event) => this.press(event));
    this.box.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.open(this.order[Number(row.dataset.place)]);
    });
    new ResizeObserver(() => this.layOut()).observe(this.viewport);
    setInterval(() => this.refresh(), 1000);
  }

  makeHeads() {
    const heads = document.getElementById("heads");
    this.heads = columns.map((column) => {
      const button = column.key
        ? element("button", { type: "button", click: () => this.sortBy(column) }, column.title)
        : element("span", {}, column.title);
      const head = element("div", { role: "columnheader", class: column.id }, button);
      heads.append(head);
      return head;
    });
    this.markSort();
  }

  makeFilters() {
    const group = document.getElementById("filters");
    this.buttons = filters.map((filter) => {
      const button = element("button", {
        type: "button", id: `filter-${filter.id}`, "aria-pressed": String(filter === this.filter),
        click: () => {
          this.filter = filter;
          this.buttons.forEach((other, index) =>
            other.setAttribute("aria-pressed", String(filters[index] === filter)));
          this.refresh();
        },
      }, filter.title);
      group.append(button);
      return button;
    });
  }

  sortBy(column) {
    this.isFalling = this.sort === column ? !this.isFalling : column.falls === true;
    this.sort = column;
    this.markSort();
    this.refresh();
  }

  markSort() {
    columns.forEach((column, index) => {
      if (column === this.sort) {
        this.heads[index].setAttribute("aria-sort", this.isFalling ? "descending" : "ascending");
      } else {
        this.heads[index].removeAttribute("aria-sort");
      }
    });
  }

  search(text) {
    if (this.input.value !== text) this.input.value = text;
    this.words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
    this.viewport.scrollTop = 0;
    this.active = 0;
    this.refresh();
  }

  /** Marks the device whose page is open. */
  select(path) {
    this.selected = path;
    this.draw();
  }

  /** Something has come: the order is made anew soon. */
  changed() {
    if (this.isDue) return;
    this.isDue = true;
    setTimeout(() => {
      this.isDue = false;
      this.refresh();
    }, 200);
  }

  /** How bad it is: never seen below refused, and those below missing. */
  rank(device) {
    const missing = this.world.missing(device);
    return missing > 0 ? 10 + missing : device.state === 2 ? 2 : device.state === 0 ? 1 : 0;
  }

  matches(device) {
    return this.words.every((word) => device.key.includes(word) || device.label.toLowerCase().includes(word));
  }

  refresh() {
    const all = [...this.world.devices.values()];
    const found = all.filter((device) => this.matches(device));
    filters.forEach((filter, index) => {
      const count = filter.id === "all" ? found.length : found.filter((device) => filter.test(device, this)).length;
      this.buttons[index].textContent = `${filter.title} ${count}`;
    });
    const held = this.order[this.active];
    const shown = found.filter((device) => this.filter.test(device, this));
    const keys = new Map(shown.map((device) => [device, this.sort.key(device, this)]));
    const sign = this.isFalling ? -1 : 1;
    shown.sort((left, right) => {
      const [a, b] = [keys.get(left), keys.get(right)];
      return a < b ? -sign : a > b ? sign : left.key < right.key ? -1 : 1;
    });
    this.order = shown;
    // The keyboard stays at its device, not at its place.
    const place = held ? shown.indexOf(held) : -1;
    this.active = place >= 0 ? place : Math.max(0, Math.min(this.active, shown.length - 1));
    this.table.setAttribute("aria-rowcount", String(shown.length + 1));
    document.getElementById("empty").hidden = shown.length > 0;
    this.layOut();
  }

  layOut() {
    this.height = parseFloat(getComputedStyle(this.table).getPropertyValue("--row")) || 36;
    this.box.style.height = `${this.order.length * this.height}px`;
    this.draw();
  }

  draw() {
    if (!this.height || this.viewport.clientHeight === 0) return;
    const first = Math.max(0, Math.floor(this.viewport.scrollTop / this.height) - 3);
    const count = Math.min(this.order.length - first, Math.ceil(this.viewport.clientHeight / this.height) + 6);
    const wanted = new Set();
    for (let place = first; place < first + count; place += 1) wanted.add(place);
    const hasFocus = this.box.contains(document.activeElement);
    if (hasFocus && this.active < this.order.length) wanted.add(this.active);
    const free = this.pool.filter((row) => !wanted.delete(row.place));
    for (const place of wanted) {
      const row = free.pop() ?? this.makeRow();
      row.place = place;
    }
    for (const row of free) row.place = -1;
    const now = this.world.now();
    for (const row of this.pool) this.fill(row, now);
    if (free.length > 40) {
      for (const row of free) row.element.remove();
      this.pool = this.pool.filter((row) => row.place >= 0);
    }
  }

  makeRow() {
    const cells = columns.map((column, index) =>
      element("div", { role: "gridcell", class: column.id, "aria-colindex": index + 1 }));
    const line = chart(110, 26);
    cells[3].append(line.svg);
    const row = {
      place: -1, cells, line,
      element: element("div", { role: "row", class: "row" }, ...cells),
      texts: columns.map(() => ""),
    };
    this.box.append(row.element);
    this.pool.push(row);
    return row;
  }

  fill(row, now) {
    const device = row.place >= 0 ? this.order[row.place] : undefined;
    row.element.hidden = !device;
    if (!device) return;
    const missing = this.world.missing(device);
    const state = missing > 0 ? "missing" : ["never seen", "reporting", "refused"][device.state];
    const last = device.values.at(-1);
    const texts = [
      device.path, state === "reporting" && device.report === 0 ? "here" : state,
      last === undefined ? "" : `${device.label} ${number(last)}`, null,
      device.report > 0 ? `${duration(now - device.report)} ago` : "none",
      missing === 0 ? "" : `${missing} missing`, device.again === 0 ? "" : String(device.again),
      String(device.trips), bytes(device.up + device.down),
    ];
    texts.forEach((text, index) => {
      if (text === null || row.texts[index] === text) return;
      row.texts[index] = text;
      row.cells[index].textContent = text;
    });
    const level = missing >= 10 ? "ten" : missing >= 2 ? "two" : missing === 1 ? "one" : "none";
    row.element.dataset.missing = level;
    row.element.dataset.state = state;
    row.element.dataset.place = row.place;
    row.element.setAttribute("aria-rowindex", row.place + 2);
    row.element.setAttribute("aria-selected", String(device.path === this.selected));
    row.element.tabIndex = row.place === this.active ? 0 : -1;
    row.element.style.transform = `translateY(${row.place * this.height}px)`;
    row.line.show(device.values);
  }

  // The keyboard

  press(event) {
    const page = Math.max(1, Math.floor(this.viewport.clientHeight / this.height) - 1);
    const steps = {
      ArrowDown: 1, ArrowUp: -1, j: 1, k: -1, PageDown: page, PageUp: -page,
      Home: -this.order.length, End: this.order.length,
    };
    if (event.key in steps) {
      event.preventDefault();
      this.move(steps[event.key]);
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const device = this.order[this.active];
      if (device) this.open(device);
    }
  }

  move(step) {
    if (this.order.length === 0) return;
    this.active = Math.max(0, Math.min(this.order.length - 1, this.active + step));
    const top = this.active * this.height;
    const view = this.viewport;
    if (top < view.scrollTop) view.scrollTop = top;
    else if (top + this.height > view.scrollTop + view.clientHeight) {
      view.scrollTop = top + this.height - view.clientHeight;
    }
    this.draw();
    const row = this.pool.find((row) => row.place === this.active);
    row?.element.focus({ preventScroll: true });
    this.draw();
  }

  focus() { requestAnimationFrame(() => this.move(0)); }
}
